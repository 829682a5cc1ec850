// Package selftest sends two messages to one mailbox, as the platform and on behalf of a tenant,
// and says what to look for there.
//
//	selftest.go  a test: what is sent, and what became of it
//	address.go   the tenant, and addresses that a person may read
//	message.go   the two messages
//	sender.go    handing them to Postfix
//	expect.go    what a receiver should find
//	print.go     expectations and replies, for people
//	guide.go     what each outcome means; its prose is guide.tmpl
package selftest
