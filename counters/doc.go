// Package counters keeps how many messages each tenant sent on each day, what became of them, and
// what came back, for the days of history.keep.
//
// Days are those of UTC. Counted are configured tenants, by their id; the platform; and, as one,
// all that belongs to neither. Who forges a name adds nothing, because names are never taken from
// messages.
//
//	day.go       Day: what is known of one tenant's day, as it lies in the store and as JSON has it
//	fresh.go     what was counted since the last batch
//	counters.go  Counters: counts, saves, reads, forgets
//	disagree.go  receivers who find no authentication where DNS has it
//
// A message takes a lock for a few dozen nanoseconds, and adds to a number. Once a second all that
// was counted is added to the days, which are then written to the store; that saves them within a
// second more. So a process that is killed loses at most the last two seconds. The days of the
// busiest tenants are kept in memory; the others are read from the store when they send mail.
package counters
