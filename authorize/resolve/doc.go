// Package resolve asks recursive DNS servers, and distinguishes answers from none.
//
// To a program that acts on what DNS says, "there is no such record" and "no server
// answered" are as far apart as yes and no. The first is an Answer without
// records: the name or the type does not exist, and whoever is in charge of the
// zone has said so. The second is an *Error: a time-out, SERVFAIL, REFUSED, a
// garbled packet. It says something about a server, and nothing about the name.
// Two errors are of another kind: ErrTooLarge and ErrTooMany are the
// doing of whoever publishes.
//
// What comes from the network is hostile until shown otherwise. Messages, CNAME
// chains and attempts are bounded; only records of the name asked for, or of the
// chain that starts there, are looked at.
//
// Who judges what DNS says goes by Answers, which ask nobody: Recorded ones or, while they are
// being recorded, a Recorder.
//
//	resolve.go    Client: one question, aliases followed; exchange.go, one server after the other
//	texts.go      what is in an Answer; extended.go words the reasons of servers
//	recorder.go   asks, and records: recorded.go, recordedjson.go
//	bounded.go    the answers for one judgement
package resolve
