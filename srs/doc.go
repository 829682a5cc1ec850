// Package srs makes and reads the addresses through which mail finds its way back: bounce
// addresses, by the Sender Rewriting Scheme (SRS), and reply addresses. It is pure: the secrets
// and the time are given to it.
//
// A host that sends in somebody's name cannot leave that person as envelope sender, because SPF
// of the person's domain (RFC 7208) does not list the host. It writes an address of its own
// there, and the mailbox behind it into the local part. What is bounced to the address is
// forwarded to that mailbox, and a message authentication code (MAC) keeps strangers from making
// addresses: without it the host would be an open relay. The scheme is a convention without an
// RFC: "SRS: Sender Rewriting Scheme" by Shevek (Mails from a Friend, 2004), with libsrs2 and
// postsrsd as its implementations. Its form is kept here, so that other forwarders shorten our
// addresses instead of nesting them; the MAC and the date in it are stronger ones.
//
//	codec.go     Codec, which makes the addresses
//	decode.go    what stands behind an address, or why it leads nowhere
//	foreign.go   the addresses of other forwarders on the way
//	mac.go       the check code
//	stamp.go     the date in an address
//	escape.go    local parts that Postfix would take for a route
//	classic.go   addresses as other SRS daemons make them
package srs
