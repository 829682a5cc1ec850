// Package receivers says what the replies of receivers' mail servers mean.
//
// A server that refuses a message answers with a reply code (550), often an enhanced code
// (5.7.26, RFC 3463), and words. The codes alone say little: every server picks them by
// itself, so that 5.7.1 means a dozen things, and 5.7.27 means SPF at Gmail and a null MX in
// the registry. What identifies a reply is the receiver, a code, and a few of the words.
//
// The receiver is known by the host that answered, or else by a mark that it leaves in its
// words. It is never known by the recipient's domain: a tenant's domain may be hosted at
// Google or Microsoft, or behind a gateway that answers in words of its own.
//
//   - The words of the reply come first. Postfix throws away an enhanced code whose class
//     differs from the reply's (421 5.7.32 is logged as dsn=4.0.0), and makes up 5.0.0 or 4.0.0
//     for a reply without one. Status counts only after all the lines.
//   - A reply of several lines is joined with blanks by Postfix. The first line whose code is
//     known decides, except at GMX, web.de and mail.com, where the last line does.
//   - What Postfix says of itself (connection refused, TLS required but not offered) is no
//     verdict of a receiver. The words "refused to talk to me" and "delivery temporarily
//     suspended" quote one; the second may have been given to another message.
//   - A reply that is not in the table has class other, and is shown as it is. Nothing is
//     guessed from 5.7.x.
//
// The table is in table.go. Its numbers are stable: they name an entry in tests and output.
// Sources are the receivers' own pages, or RFC 3463, 7372 and 7505; where an entry was found
// elsewhere, Meaning.Usually is set. The package is pure: no I/O, and nothing of ours.
package receivers
