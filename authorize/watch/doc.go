// Package watch looks up the domains of all tenants with authorization auto, again and again, and
// keeps their standings in the tenant table. That is how mail changes its way by itself.
//
// A Watcher wires small parts together. It works by a Source, from one reload to the next.
//
//	watch.go     Watcher: begins a lookup where one is due, and draws the conclusions
//	lookup.go    all that this package asks of package authorize
//	schedule.go  which domain is next: a due time for each, and a fair share for each tenant
//	spread.go    intervals, spread so that domains do not come together
//	outage.go    when no DNS server answers
//	discover.go  names that only a wildcard covers, found by their mail
//	reload.go    what a new generation begins with
//	persist.go   which standings are to be saved for the next start
//	changes.go   what has changed, for the log and for status
//	direct.go    whether DNS proves that mail for a domain may be delivered directly
//	status.go    how it goes
//
// Two clocks are in use. Due times are of the monotonic one: a clock that is set, by NTP or by
// hand, makes no domain due sooner or later. Only standings, which outlast a restart, have times of day.
package watch
