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
// refuse a message after DATA, for what stands in it.
//
// What is printed is pasted into tickets. Bounce addresses lead somewhere by being used, so they
// are never shown, not even where a server repeats them.
package probe
