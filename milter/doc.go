// Package milter is the shell around the decision: it speaks the milter protocol
// with Postfix, gathers the facts of each message, asks package rewrite for a plan
// and carries it out.
//
// Postfix opens a connection for each SMTP session and reports on it what the
// client said: who connects (C), MAIL (M), each RCPT (R), then, when the whole
// message has been received, its header fields one by one (L), the end of the
// header (N), the body in chunks (B) and the end of the message (E). Before each
// report it sends macros (D): facts such as the SASL login or the queue id. Only
// in answer to E may a milter change the message; one that stays as it is, or is
// refused, is answered at N and its body not sent. A session carries several
// messages; A (abort) ends one at any point. Postfix waits for an answer to R, N and
// E alone: each answer costs it two changes of process.
//
// The way of a message through this package:
//
//	server.go       serves the connections that package socket lets in, and ends them
//	frames.go       frames from the socket: bounds, deadlines, memory
//	guard.go        order and soundness of frames, macros, what goes past the library
//	session.go      what the library calls: facts of the connection, then of a message
//	transaction.go  one message: facts, plan, signature
//	apply.go        the plan, in the words of the protocol
//	fragile.go      what later hosts would change, and so break the signature
//	reply.go        refusals and deferrals, in the words of SMTP
//	report.go       one log line a message
//	returns.go      counts of what came back, by tenant
//	memory.go       one budget for what all messages hold
//	rate.go         how often strangers may do what they may
//	decided.go      messages that were signed here a moment ago
//	headless.go     notices a Postfix that shows no messages
//
// The protocol itself is emersion/go-milter's work. What it leaves open is closed
// by the guard, which stands between the socket and the library.
package milter
