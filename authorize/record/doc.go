// Package record reads the TXT records by which a domain says who may send its
// mail: SPF (RFC 7208) and DKIM keys (RFC 6376). Package dmarc reads the policies.
//
// Both are lines of text that people copy from an e-mail into a web form,
// and the forms add quotes, cut at 255 characters or escape semicolons. Receivers
// ignore a record that is not to the letter. So each parser here says what is
// wrong with a record in words that its publisher understands, and is as strict
// as the strictest receiver. Package record asks no DNS server and decides nothing.
//
//	key.go       a DKIM key: tags.go has its tag list
//	spf.go       an SPF record: spfterm.go reads a term, spfmacro.go a domain with macros
//	spflooks.go  texts that were meant to be SPF records, and are none
//	spfmeant.go  what a valid term cannot mean, and terms that let every host pass
package record
