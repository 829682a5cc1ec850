// Package message holds the facts of one mail message: its domains, addresses,
// envelope and header. It parses and prints them and decides nothing.
//
// A message has two layers. The envelope (RFC 5321) is what servers say to each
// other: MAIL FROM names the reverse-path, to which bounces go; RCPT TO names a
// forward-path for each recipient. The header (RFC 5322) is what a person's mail
// program shows: From, To, Subject. Nothing makes the two agree. SPF authorizes
// a host for the domain of the envelope, DKIM signs the header, and DMARC asks
// that one of them speak for the domain in From.
//
// Everything here keeps the octets as they were received, because a signature
// covers octets: a Field knows its value with the leading space and the folds,
// a Path knows what MAIL or RCPT said to the letter. Beside the octets stand the
// values to decide with: Domain and Address, in one canonical form each.
//
//	message.go      Message, Envelope, Submitter, Path
//	domain.go       Domain; name.go: those at which records stand; lookalike.go: other spellings
//	address.go      Address
//	header.go       Field and Header, read and folded; date.go: whether a Date can be read
//	from.go         who the author is: lenient.go (which has the tokens) and completed.go read what is not standard
//	author.go       the author's address alone; hasaddress.go: whether a field has any address
//	format.go       mailboxes, written; encodedword.go: names, decoded
//	received.go     where a message came from; signedby.go: who has signed or checked it
//	dsn.go          what a delivery status notification reports
package message
