// Package record reads the TXT records by which a domain says who may send its
// mail: SPF (RFC 7208), DKIM keys (RFC 6376) and DMARC policies (RFC 9989).
//
// All three are lines of text that people copy from an e-mail into a web form,
// and the forms add quotes, cut at 255 characters or escape semicolons. Receivers
// ignore a record that is not to the letter. So each parser here says what is
// wrong with a record in words that its publisher understands, and is as strict
// as the strictest receiver. Package record asks no DNS server and decides nothing.
package record
