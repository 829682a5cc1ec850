package watch

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"onbehalf/authorize"
	"onbehalf/tenant"
)

const maxEvents = 100

// changes are the last few, for status. All are in the log.
type changes struct {
	log *slog.Logger

	mu   sync.Mutex
	last []authorize.Change // oldest first
}

// add logs what has changed: how mail leaves may have changed with it.
func (c *changes) add(all []authorize.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range all {
		c.log.Log(context.Background(), levelOf(one), "authorization", "domain", one.Domain.String(), "tenant", one.Tenant,
			"mechanism", one.Mechanism, "before", cmp.Or(one.Before, "unknown"), "after", one.After, "evidence", one.Evidence)
	}
	c.last = append(c.last, all...)
	if extra := len(c.last) - maxEvents; extra > 0 {
		c.last = slices.Clone(c.last[extra:])
	}
}

// levelOf returns a warning for what is lost, or about to be.
func levelOf(c authorize.Change) slog.Level {
	lost := tenant.State(c.After)
	if lost == tenant.Warning || lost == tenant.Pending && c.Before != "" || c.After == directUnproven {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// Event is a Change as status shows it.
type Event struct {
	At        time.Time `json:"at"`
	Tenant    string    `json:"tenant,omitempty"` // id; empty: the platform
	Domain    string    `json:"domain"`
	Mechanism string    `json:"mechanism"`
	Before    string    `json:"before,omitempty"` // empty: unknown, as in a Change
	After     string    `json:"after,omitempty"`
	Evidence  string    `json:"evidence,omitempty"`
}

// events returns the last few, newest first.
func (c *changes) events() (all []Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, one := range slices.Backward(c.last) {
		all = append(all, Event{one.At, one.Tenant, one.Domain.String(), one.Mechanism, one.Before, one.After, one.Evidence})
	}
	return all
}
