// Package rewrite decides what becomes of a message, and is the one place that
// does. It is pure: facts go in (a message.Message, a tenant.Snapshot), a Plan
// comes out. No clock, no network, no log; nothing here can fail, for an
// unreadable message is a fact with a row in the table.
//
// A receiver asks of each message: does the domain in From stand behind it? DMARC
// (RFC 9989) says yes when DKIM or SPF passes for a domain that aligns with the
// one in From. Decide finds, for the author's domain and what its DNS has
// authorized, the envelope sender, From and signature with which the answer is
// yes. When nothing the tenant published can make it yes, the message leaves in
// the platform's own name, and Reply-To leads back to the author.
//
//	decide.go    the decision table
//	facts.go     what the table asks: whose message, from whom, and S, K, R
//	plan.go      the Plan, and the header it leads to
//	trust.go     where a message comes from, and what Postfix made of it
//	from.go      the From that takes the author's place
//	names.go     the display name in it
//	fields.go    the other fields that we write, and those that go
//	direct.go    who may have mail delivered directly, and what that changes
//	returns.go   mail to bounce and reply addresses (package srs makes them)
package rewrite
