package watch

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"

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
	if lost == tenant.Warning || lost == tenant.Pending && c.Before != "" || c.After == Unproven {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// newestFirst returns the last few.
func (c *changes) newestFirst() []authorize.Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.Clone(c.last)
	slices.Reverse(all)
	return all
}
