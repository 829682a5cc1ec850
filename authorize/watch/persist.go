package watch

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"onbehalf/remedy"
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
	log     *slog.Logger
	moved   atomic.Bool             // there is something to save that matters
	unsaved atomic.Pointer[problem] // nil: all is saved
}

// problem is why standings cannot be saved. Without one, cause and fix are empty.
type problem struct{ cause, fix string }

func problemOf(err error) *problem {
	if err == nil {
		return nil
	}
	cause, fix := remedy.Of(err, "let the user that the daemon runs as write to the state_dir")
	return &problem{cause, fix}
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
		if calm := time.Since(last); calm >= saveCalm || calm >= saveShare*took && p.moved.Load() {
			took = p.do(save)
			last = time.Now()
		}
	}
}

// do saves, and logs it once when that begins to fail. What moves from here on is saved the next
// time.
func (p *persistence) do(save func() error) (took time.Duration) {
	p.moved.Store(false)
	began, before := time.Now(), p.unsaved.Load()
	now := problemOf(save())
	p.unsaved.Store(now)
	switch {
	case now != nil && before == nil:
		p.log.Error("standings cannot be saved; they are kept in memory, and lost at a restart", "error", now.cause, "remedy", now.fix)
	case now == nil && before != nil:
		p.log.Info("standings can be saved again")
	}
	if now != nil {
		p.moved.Store(true)
	}
	return time.Since(began)
}
