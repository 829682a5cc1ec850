// Package events brings to people's programs what a person must act on, or wants to know: that a
// tenant's mail leaves in another way, that DNS no longer answers, that a reload was refused.
//
// An Event is noticed once, in the daemon, and goes into an Outbox, which keeps it in the store and
// hands it to each Sink: a Webhook or a Command. Each sink has a line, and in it a lane for each
// tenant, so that events of one tenant arrive in order, and one that is refused holds up
// no other tenant's. What is delivered is noted after the receiver has answered: a daemon that is
// killed in between delivers again, with the same id. So each event arrives at least once.
//
// What a receiver does not take is tried again, later and later, for three days, and is then
// counted as a dead letter. Everything is bounded: what waits, how many are under way, how long one
// may take, and how much of an answer is read.
//
//	event.go     an Event, as it is sent
//	types.go     what events there are, and what each says
//	outbox.go    Notice, Use, Run: from an event to its delivery
//	line.go      the order of deliveries to one sink, in memory
//	record.go    what the store has of them
//	bodies.go    what is kept in memory, for when the store loses it
//	retry.go     when to try again, and when no more
//	list.go      the last events, for people
//	webhook.go   a sink: HTTP POST by Standard Webhooks
//	hidden.go    what of its URL is not shown to anybody
//	command.go   a sink: a program on this host
//	sandbox.go   what keeps a program from running
package events
