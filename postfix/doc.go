// Package postfix knows Postfix's configuration: what it says, what onbehalf needs of it, and what
// in it is dangerous.
//
// Everything but reading and setting is pure judgement over a Configuration, a value that was read
// once. Of the world outside, that value knows two things by name only: tables, which are asked by
// a Lookup, and folders.
//
//	read.go         a Configuration, by postconf
//	values.go       its settings: lists, references, versions
//	master.go       services of master.cf and the settings that they have for themselves
//	host.go         the name of this host
//	lookup.go       tables, and asking them as Postfix does
//	certificate.go  what Postfix's SMTP client shows of itself
//	wanted.go       what Postfix has to know of onbehalf
//	needs.go        settings that it must have
//	ours.go         our tables in its settings, and the services that read them
//	set.go          setting, checking and reloading
//	save.go         copies of main.cf and master.cf from before a change
//	remove.go       what takes onbehalf out of Postfix again
//	finding.go      what is wrong, as data; the settings of needs.go judged
//	dangers.go      settings that let mail bypass onbehalf, break signatures or lose bounces
//	risks.go        most of them, as a table
//	places.go       where a setting has a value: main.cf, or a service that has its own
//	filters.go      content filters, and where they hand mail back
//	trusted.go      clients that may send, and whose mail onbehalf leaves alone
//	door.go         where it takes mail of this host by SMTP
//	instances.go    the other instances of this host
//	direct.go       what keeps directly delivered mail from its way
//	order.go        tables beside ours that answer first
//	classes.go      domains that Postfix takes for its own
//
// More than one instance may run on a host (postmulti(1)); every function is about the one that
// its Instance names.
package postfix
