// Package dmarc knows what a domain asks of receivers by its DMARC record (RFC 9989), and what
// aligns with a domain. It is pure: who asks DNS hands the answers in.
//
// A receiver looks up the DMARC record of the domain in From. Mail passes when SPF or DKIM has
// authenticated a domain that aligns with that one: the same domain or, unless the record asks
// for strict alignment, one of the same organizational domain. There are two rules to find that
// one. RFC 9989 walks up the tree of names and reads psd= in the records that it finds; receivers
// by RFC 7489 have a list of public suffixes. Nobody knows which rule a receiver follows, so what
// we rely on has to hold by both.
//
// A record that is not as the RFC wants it is ignored by some receivers and followed by others.
// What counts for us is the strictest way in which a verifier in wide use reads it: a message that
// is rewritten for nothing arrives, and one that is refused does not.
//
//	policy.go      what a domain asks for, and which of two policies is stricter
//	record.go      a record, as RFC 9989 reads it
//	strictest.go   the same, as forgiving verifiers read it, and how to repair it
//	walk.go        the tree walk, and the organizational domain by it
//	align.go       what aligns with an author's domain
package dmarc
