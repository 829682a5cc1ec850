package watch

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// How often standings are saved. What matters is saved soon, and the times of lookups now
// and then; a table that takes long to write is written less often.
const (
	saveTick  = time.Second
	saveCalm  = 10 * time.Minute
	saveShare = 50 // times the duration of the last save must pass before the next
)

// persistence says when standings are saved, and knows how that goes.
type persistence struct {
	log *slog.Logger

	mu      sync.Mutex
	moved   bool   // there is something to save that matters
	unsaved string // why standings cannot be saved; empty: they can
}

// run saves until ctx ends.
func (p *persistence) run(ctx context.Context, save func() error) {
	ticker := time.NewTicker(saveTick)
	defer ticker.Stop()
	last, took := time.Now(), time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if calm := time.Since(last); calm >= saveCalm || calm >= saveShare*took && p.hasMoved() {
			took = p.do(save)
			last = time.Now()
		}
	}
}

// do saves, and logs it once when that begins to fail. What moves from here on is saved the next
// time.
func (p *persistence) do(save func() error) (took time.Duration) {
	failing := p.begin()
	began := time.Now()
	err := save()
	if err != nil && !failing {
		p.log.Error("standings cannot be saved; they are kept in memory, and lost with a restart", "error", err,
			"remedy", "let the user that the daemon runs as write to the state_dir")
	} else if err == nil && failing {
		p.log.Info("standings can be saved again")
	}
	p.end(err)
	return time.Since(began)
}

// begin returns whether the last save failed.
func (p *persistence) begin() (failing bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved = false
	return p.unsaved != ""
}

func (p *persistence) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.unsaved = ""; err != nil {
		p.unsaved, p.moved = err.Error(), true
	}
}

// touch notes that there is something to save that matters.
func (p *persistence) touch() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved = true
}

func (p *persistence) hasMoved() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.moved
}

// problem returns why standings cannot be saved; empty: they can.
func (p *persistence) problem() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unsaved
}
