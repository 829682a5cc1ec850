// Package probe looks at the mail server that a tenant's mail is delivered to directly, and says
// whether it would take that mail.
//
// It goes as far as Postfix would, and stops before DATA: no message is sent. The addresses are
// those that Postfix would try. At each one it waits for the greeting, says EHLO by the name that
// Postfix uses, starts TLS, and names both envelope senders that direct delivery may have: a
// bounce address, and the author's. For one recipient only, once, it asks: the postmaster, whom
// every domain has to have (RFC 5321 section 4.5.1).
//
// What was seen is a value, Sight; Judge makes a Result of it, and asks nobody. A server may still
// refuse a message after DATA because of its content.
//
// What is printed is pasted into tickets. Anybody who has a bounce address can use it, so they are
// never shown, not even where a server repeats them.
//
//	probe.go        a probe: what to look at, and as whom
//	caller.go       this host, as Postfix would connect from it
//	lookup.go       the addresses that Postfix would try
//	talk.go         a conversation with one of them
//	certificate.go  what is wrong with the server's certificate
//	sight.go        what was seen, as a value
//	judge.go        findings about it; kind.go: their kinds; advice.go: what to do about each
//	outcome.go      what each setting of direct.tls would do
//	print.go        a Result for people
package probe
