package authorize

import (
	"log/slog"
	"time"
)

// outage counts looks without any answer. Enough of them in a row stop the round: it
// may be the resolver, and asking on would only make that worse. Before it is said to
// be, a domain that answered before is looked at; as many dead domains as there may be
// are no fault of the resolver's. From then on probes tell when the round goes on.
type outage struct {
	silent int       // looks in a row
	since  time.Time // of the first of them
	until  time.Time // nothing is looked at; zero: no probe has been silent yet
	probe  *item     // being looked at; nil: none
}

const (
	tooSilent = 10
	silence   = 30 * time.Second // between two probes
)

// stopped tells whether the round has stopped.
func (o outage) stopped() bool { return o.silent >= tooSilent }

// note counts one look, and tells whether it was the end of a time without DNS.
func (o *outage) note(it *item, answered bool, now time.Time, log *slog.Logger) (ended bool) {
	sure := !o.until.IsZero()
	if answered {
		if sure {
			log.Warn("DNS answers again", "silent_for", now.Sub(o.since).Round(time.Second))
		}
		*o = outage{}
		return sure
	}
	if o.silent++; o.silent == 1 {
		o.since = now
	}
	if it != o.probe {
		return false
	}
	o.probe, o.until = nil, now.Add(silence)
	if !sure {
		log.Error("no answer from DNS, all standings stay as they are", "looks", o.silent, "since", o.since,
			"remedy", "check the servers in dns.servers, or those of /etc/resolv.conf")
	}
	return false
}

// again makes the next probe come at once, unless the one under way still counts.
func (o *outage) again(now time.Time, counts bool) {
	if !counts {
		o.probe = nil
	}
	if !o.until.IsZero() {
		o.until = now
	}
}
