package authorize

import (
	"log/slog"
	"time"
)

// outage counts looks without any answer. Enough of them in a row, over different
// domains, say that the resolver is down, and asking on would only make it worse.
type outage struct {
	silent int       // looks in a row
	since  time.Time // of the first of them
	until  time.Time // nothing is looked at
}

const (
	tooSilent = 10
	silence   = 30 * time.Second // between two probes
)

// stopped tells whether the round has stopped.
func (o outage) stopped() bool { return o.silent >= tooSilent }

// note counts one look.
func (o *outage) note(answered bool, now time.Time, log *slog.Logger) {
	if answered {
		if o.stopped() {
			log.Warn("DNS answers again", "silent_for", now.Sub(o.since).Round(time.Second))
		}
		*o = outage{}
		return
	}
	if o.silent++; o.silent == 1 {
		o.since = now
	}
	if o.stopped() {
		o.until = now.Add(silence)
	}
	if o.silent == tooSilent {
		log.Error("no answer from DNS, all standings stay as they are", "looks", o.silent, "since", o.since,
			"remedy", "check the servers in dns.servers, or those of /etc/resolv.conf")
	}
}
