package daemon

import (
	"sync"
	"time"

	"onbehalf/admin"
	"onbehalf/authorize/resolve"
	"onbehalf/metrics"
)

// pages are metrics and health, by what status shows.
func (d *daemon) pages(status func() (admin.Status, error)) admin.Pages {
	registry := metrics.New(metrics.Source{
		Version: d.options.Version, Tally: &d.server.Counts.Tally, Status: status,
		Questions: func(yield func(string, int64)) { d.questions().Each(yield) },
	})
	return admin.Pages{Metrics: metrics.Page(registry, d.log), Ready: d.ready}
}

// questions are those to DNS; none, while there is no configuration.
func (d *daemon) questions() *resolve.Counts {
	if now := d.current.Load(); now != nil {
		return now.questions
	}
	return new(resolve.Counts)
}

// readyAge is how long an answer about readiness holds: it takes a look at all tenants, and at
// metrics.listen there is no password.
const readyAge = time.Second

// readiness is the last answer.
type readiness struct {
	mu     sync.Mutex
	at     time.Time
	checks []admin.Check
}

// ready says what the daemon does of what it must, as of a second ago at most.
func (d *daemon) ready() []admin.Check {
	r := &d.readiness
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := time.Since(r.at); age < 0 || age > readyAge {
		r.checks, r.at = d.checks(), time.Now()
	}
	return r.checks
}

func (d *daemon) checks() []admin.Check {
	if why := d.unready(); why != nil {
		return []admin.Check{{Name: "configuration", Text: why.Status()}}
	}
	return admin.Readiness(d.status())
}

// limits says how near the daemon is to what it may use. Idle connections make room for others.
func (d *daemon) limits(c admin.Connections) []admin.Limit {
	held, memory := d.server.Memory()
	now, store := d.current.Load(), d.store.Health()
	return []admin.Limit{
		{Name: admin.LimitConnections, Used: float64(c.InMessage), Most: float64(c.Limit)},
		{Name: admin.LimitMemory, Used: float64(held), Most: float64(memory)},
		{Name: admin.LimitDNS, Used: now.questions.Rate(time.Now()), Most: float64(now.DNS.MaxPerSecond)},
		{Name: admin.LimitStore, Used: float64(store.Held), Most: float64(store.Limit)},
	}
}

func (d *daemon) storeStatus() admin.Store {
	h := d.store.Health()
	return admin.Store{Saved: h.Saved, Failed: h.Failed, Waiting: h.Waiting, Dropped: h.Dropped}
}
