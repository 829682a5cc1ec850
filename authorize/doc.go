// Package authorize finds out, by DNS alone, who has authorized us to send as them.
//
// A domain can do so in three ways. Its SPF record can name our hosts (RFC 7208):
// receivers look it up for the envelope sender. It can publish a DKIM key of ours
// (RFC 6376): receivers look it up for the signature. And it can hand us a name of
// its own for bounces, a return path, whose SPF is then ours. DMARC (RFC 9989)
// demands that one of them be for the domain in From, and says what happens to
// mail that has none.
//
// What DNS answers is data, an Observation: Observe asks, and records all answers. Everything else
// is a pure function of them. Judge reports a Finding for each mechanism: a typed reason, and words
// for people. Rules.Step turns the report into the next standing. Receive says what a receiver
// makes of a message, and package publish what has to be published. Package watch has all domains
// observed again and again, without haste (max_per_second), and keeps the standings in the tenant
// table up to date; that is how mail changes its way by itself.
//
// The border that matters lies between no and no answer. A domain that says no (a
// record is gone) loses its standing, after a time of grace. A server that says
// nothing changes nothing, however long it lasts: trouble with DNS demotes nobody,
// and promotes nobody.
//
//	target.go       what to look for at a domain
//	observe.go      the one place that asks; observer.go for the watch
//	observation.go  what was answered; kept.go keeps the last of each domain
//	judge.go        what the answers mean: spf.go, checkhost.go, dkim.go, keyname.go, path.go,
//	                dmarc.go, dmarcread.go; finding.go words it
//	state.go        the next standing
//	receiver.go     what a receiver makes of a message
//	carry.go        what a known standing is worth for a target
//	store.go        standings on disk
package authorize
