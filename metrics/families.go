package metrics

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"onbehalf/admin"
	"onbehalf/events"
	"onbehalf/milter"
	"onbehalf/receivers"
	"onbehalf/rewrite"
)

// family is a metric, with all its series.
type family struct {
	desc     *prometheus.Desc
	kind     prometheus.ValueType
	ofStatus bool // it is part of what `onbehalf status` shows
	collect  func(scrape, series)
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// counted returns a family of what was counted on the way of messages.
func counted(name, help string, collect func(scrape, series), labels ...string) family {
	return family{desc: prometheus.NewDesc("onbehalf_"+name, help, labels, nil), kind: counter, collect: collect}
}

// shown returns a family of what status shows.
func shown(kind prometheus.ValueType, name, help string, collect func(scrape, series), labels ...string) family {
	return family{prometheus.NewDesc("onbehalf_"+name, help, labels, nil), kind, true, collect}
}

// one returns a family of one series.
func one(kind prometheus.ValueType, name, help string, value func(admin.Status) float64) family {
	return shown(kind, name, help, func(s scrape, to series) { to.put(value(s.Status)) })
}

// families returns all metrics.
func families() (all []family) {
	for _, of := range [][]family{ofMessages(), ofDaemon(), ofTenants(), ofDNS(), ofState(), ofEvents()} {
		all = append(all, of...)
	}
	return all
}

func ofMessages() []family {
	return []family{
		counted("messages_total", "Messages, by row of the decision table, by action of the plan, and by what became of them.", func(s scrape, to series) {
			s.Tally.EachMessage(func(row rewrite.Row, action rewrite.Action, result string, n int64) {
				to.put(float64(n), row.String(), string(action), result)
			})
		}, "row", "action", "result"),
		counted("refusals_total", "Messages that were refused, by reason.",
			func(s scrape, to series) { s.Tally.EachRefusal(to.count) }, "reason"),
		counted("deferrals_total", "Messages that were deferred, by reason.",
			func(s scrape, to series) { s.Tally.EachDeferral(to.count) }, "reason"),
		counted("recipients_refused_total", "Recipients at bounce and reply domains that were refused, by reason.",
			func(s scrape, to series) { s.Tally.EachRecipient(to.count) }, "reason"),
		counted("signatures_total", "DKIM signatures, by algorithm, by what works them out, and by result.", signatures, "algorithm", "engine", "result"),
		counted("message_duration_seconds", "Time from MAIL to the last answer for a message, its client's own time included.",
			func(s scrape, to series) { to.putDurations(s.Tally.Messages.Durations()) }),
		counted("signing_duration_seconds", "Time that the signatures of a message took, without the hash of its body.",
			func(s scrape, to series) { to.putDurations(s.Tally.Signing.Durations()) }),
		counted("bounces_total", "Failed deliveries that bounces reported, by whose affair the receiver's words are.", func(s scrape, to series) {
			s.Tally.EachBounce(func(class receivers.Class, n int64) { to.count(string(class), n) })
		}, "class"),
		counted("tenant_messages_total", "Messages of the tenants in metrics.tenants, by action of the plan and by what became of them.", func(s scrape, to series) {
			s.Tally.EachTenant(func(id string, action rewrite.Action, result string, n int64) {
				to.put(float64(n), id, string(action), result)
			})
		}, "tenant", "action", "result"),
		one(counter, "untrusted_messages_total", "Messages of clients that are not trusted, with an author of a tenant or of the platform. They left as they came.",
			func(s admin.Status) float64 { return float64(s.Untrusted.Messages) }),
		one(counter, "fragile_signatures_total", "Messages that were signed, and whose signature later hosts may break.",
			func(s admin.Status) float64 { return float64(s.Messages.Fragile) }),
		one(gauge, "signing_failing", "Whether the platform's keys fail to sign a message so that it verifies: 1 or 0. It is tried every 30 seconds.",
			func(s admin.Status) float64 { return number(s.Signing.Failed != "") }),
		one(counter, "signing_fallbacks_total", "How often OpenSSL failed with a key or a signature, and Go stood in.",
			func(s admin.Status) float64 { return float64(s.Signing.Fallbacks) }),
		one(gauge, "signing_keys_unproved", "RSA keys that Go signs with until OpenSSL is proved with them.",
			func(s admin.Status) float64 { return float64(s.Signing.Unproved) }),
	}
}

func signatures(s scrape, to series) {
	s.Tally.EachSignature(func(kind milter.SignatureKind, made, failed int64) {
		to.put(float64(made), string(kind.Algorithm), kind.Engine, "made")
		to.put(float64(failed), string(kind.Algorithm), kind.Engine, "failed")
	})
}

func ofDaemon() []family {
	return []family{
		counted("build_info", "The version that runs. Always 1.", func(s scrape, to series) { to.put(1, s.Version, runtime.Version()) }, "version", "goversion").as(gauge),
		counted("ready", "Whether there is a configuration to decide mail by: 1, or 0 while all mail is deferred.",
			func(s scrape, to series) { to.put(number(s.Ready)) }).as(gauge),
		shown(gauge, "connections", "Connections of Postfix to the milter, by what they are busy with.", func(s scrape, to series) {
			c := s.Status.Connections
			to.put(float64(c.Open-c.InMessage), "idle")
			to.put(float64(c.InMessage), "message")
		}, "use"),
		one(counter, "connections_displaced_total", "Idle connections that were closed to make room for others (limits.connections).",
			func(s admin.Status) float64 { return float64(s.Connections.Displaced) }),
		one(counter, "connections_refused_total", "Connections that were closed at once, because all others were within a message (limits.connections).",
			func(s admin.Status) float64 { return float64(s.Connections.Refused) }),
		shown(gauge, "limit_used", "What is used of a limit: connections, bytes of memory, packets to DNS servers a second, bytes of state that wait to be saved.",
			limits(func(l admin.Limit) float64 { return l.Used }), "limit"),
		shown(gauge, "limit_max", "The limit, in the unit of onbehalf_limit_used.",
			limits(func(l admin.Limit) float64 { return l.Most }), "limit"),
		shown(gauge, "limit_used_ratio", "The share of a limit that is used. 1 is all of it.",
			limits(admin.Limit.Share), "limit"),
		shown(gauge, "socket_up", "Whether a socket can be reached: 1 or 0.", sockets, "socket"),
		one(gauge, "last_reload_success", "Whether the last reload was accepted: 1, also when there was none, or 0.",
			func(s admin.Status) float64 { return number(s.Reload == nil || s.Reload.OK) }),
		one(gauge, "last_reload_timestamp_seconds", "When the last reload, or the start, was tried.", func(s admin.Status) float64 {
			if s.Reload == nil {
				return seconds(s.Started)
			}
			return seconds(s.Reload.At)
		}),
		one(gauge, "configuration_timestamp_seconds", "When the configuration in use was loaded.",
			func(s admin.Status) float64 { return seconds(s.Configuration.Loaded) }),
		one(gauge, "configuration_faults", "What is wrong with the configuration in use, such as keys that are left out.",
			func(s admin.Status) float64 { return float64(faults(s.Configuration)) }),
		one(gauge, "configuration_needs_restart", "Whether the configuration has changed in what only a restart takes: 1 or 0.",
			func(s admin.Status) float64 { return number(len(s.Configuration.NeedRestart) > 0) }),
		one(counter, "log_lines_dropped_total", "Lines of the log that were dropped, because they were not read.",
			func(s admin.Status) float64 { return float64(s.Log.Dropped) }),
	}
}

// as returns the family as another kind.
func (f family) as(kind prometheus.ValueType) family {
	f.kind = kind
	return f
}

func limits(value func(admin.Limit) float64) func(scrape, series) {
	return func(s scrape, to series) {
		for _, l := range s.Status.Limits {
			to.put(value(l), string(l.Name))
		}
	}
}

// sockets counts one that cannot be reached for all of its name: the milter may have several.
func sockets(s scrape, to series) {
	up := make(map[string]bool)
	for _, one := range s.Status.Sockets {
		before, found := up[one.Name]
		up[one.Name] = one.Problem == "" && (before || !found)
	}
	for name, is := range up {
		to.put(number(is), name)
	}
}

func faults(c admin.Configuration) (n int) {
	for _, f := range c.Findings {
		if f.Level == "fault" {
			n++
		}
	}
	return n
}

func ofTenants() []family {
	return []family{
		shown(gauge, "tenants", "Tenants, by how their mail leaves; one with several domains by the worst of them.", func(s scrape, to series) {
			for _, delivery := range admin.Deliveries {
				to.put(float64(s.Status.Tenants.By[delivery]), string(delivery))
			}
		}, "delivery"),
		one(gauge, "tenants_shadow", "Tenants in mode shadow: plans are logged only.", func(s admin.Status) float64 { return float64(s.Tenants.Shadow) }),
		one(gauge, "tenants_not_looked_up", "Tenants with a domain of which DNS has said nothing yet.",
			func(s admin.Status) float64 { return float64(s.Tenants.NotLookedUp) }),
		shown(gauge, "problems", "Mechanisms of domains that should be better than they are, by kind.", func(s scrape, to series) {
			for _, kind := range admin.ProblemKinds {
				to.put(float64(s.Status.ProblemsBy[kind]), string(kind))
			}
		}, "kind"),
	}
}

func ofDNS() []family {
	return []family{
		counted("dns_questions_total", "Questions to DNS, by what came of them.", func(s scrape, to series) { s.Questions(to.count) }, "result"),
		one(gauge, "dns_domains", "Domains that are watched.", func(s admin.Status) float64 { return float64(s.DNS.Domains) }),
		one(gauge, "dns_domains_due", "Domains whose next lookup should have begun.", func(s admin.Status) float64 { return float64(s.DNS.Due) }),
		one(gauge, "dns_due_seconds", "For how long the first of them has been due.", func(s admin.Status) float64 { return age(s, s.DNS.DueSince) }),
		one(gauge, "dns_oldest_answer_age_seconds", "Age of the oldest of the last answers, one for each domain. 0: there is none.",
			func(s admin.Status) float64 { return age(s, s.DNS.Oldest) }),
		one(gauge, "dns_unanswered_lookups", "Lookups in a row without any answer.", func(s admin.Status) float64 { return float64(s.DNS.Unanswered) }),
		one(gauge, "dns_outage", "Whether DNS does not answer, or is not believed, so that standings stay as they are: 1 or 0.",
			func(s admin.Status) float64 { return number(!s.DNS.PausedUntil.IsZero() || !s.DNS.Denied.IsZero()) }),
	}
}

func ofState() []family {
	return []family{
		shown(counter, "store_saves_total", "Tries to save state, by result.", func(s scrape, to series) {
			to.put(float64(s.Status.Store.Saved), "saved")
			to.put(float64(s.Status.Store.Failed), "failed")
		}, "result"),
		one(gauge, "store_changes_waiting", "Changes of state that are not saved yet.", func(s admin.Status) float64 { return float64(s.Store.Waiting) }),
		one(counter, "store_changes_dropped_total", "Changes of state that are lost, because too many waited.",
			func(s admin.Status) float64 { return float64(s.Store.Dropped) }),
		one(gauge, "store_failing", "Whether state cannot be saved: 1 or 0.", func(s admin.Status) float64 { return number(s.DNS.Unsaved != "") }),
	}
}

func ofEvents() []family {
	return []family{
		bySink(gauge, "events_queued", "Events that wait to be taken, by sink.", func(_ admin.Status, e events.Status) float64 { return float64(e.Queued) }),
		bySink(gauge, "events_oldest_age_seconds", "Age of the oldest event that waits. 0: there is none.",
			func(s admin.Status, e events.Status) float64 { return age(s, e.Oldest) }),
		bySink(counter, "events_dead_letters_total", "Events that were given up, because the sink did not take them for days.",
			func(_ admin.Status, e events.Status) float64 { return float64(e.Dead) }),
		bySink(counter, "events_dropped_total", "Events that were not queued, because too many waited.",
			func(_ admin.Status, e events.Status) float64 { return float64(e.Dropped) }),
		bySink(gauge, "events_failing", "Whether the sink did not take the last event: 1 or 0.",
			func(_ admin.Status, e events.Status) float64 { return number(e.Problem != "") }),
	}
}

// bySink returns a family with a series for each sink of events; one that is not in use has 0.
func bySink(kind prometheus.ValueType, name, help string, value func(admin.Status, events.Status) float64) family {
	return shown(kind, name, help, func(s scrape, to series) {
		for _, sink := range events.Sinks {
			used := 0.0
			for _, e := range s.Status.Events {
				if e.Sink == sink {
					used = value(s.Status, e)
				}
			}
			to.put(used, sink)
		}
	}, "sink")
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// age returns for how long something has been so, in seconds; 0: it is not.
func age(s admin.Status, since time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return max(0, s.Now.Sub(since).Seconds())
}
