package authorize

import (
	"context"
	"time"

	"onbehalf/tenant"
)

// How often standings are saved. What matters is saved soon, and the times of looks now
// and then; a table that takes long to write is written less often.
const (
	saveTick  = time.Second
	saveCalm  = 10 * time.Minute
	saveShare = 50 // times the duration of the last save must pass before the next
)

// keepSaved saves until ctx ends, and then once more.
func (w *Watcher) keepSaved(ctx context.Context) {
	if w.Save == nil {
		return
	}
	ticker := time.NewTicker(saveTick)
	defer ticker.Stop()
	last, took := time.Now(), time.Duration(0)
	failing := false
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
		now := time.Now()
		soon := now.Sub(last) >= saveShare*took && w.hasMoved()
		if ctx.Err() == nil && !soon && now.Sub(last) < saveCalm {
			continue
		}
		err := w.save()
		last, took = time.Now(), time.Since(now)
		if err != nil && !failing {
			w.Log.Error("standings cannot be saved; they are kept in memory, and lost with a restart", "error", err)
		} else if err == nil && failing {
			w.Log.Info("standings can be saved again")
		}
		failing = err != nil
	}
}

func (w *Watcher) hasMoved() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.moved
}

func (w *Watcher) save() error {
	w.mu.Lock()
	var all []tenant.Standing
	var err error
	if w.gen.Table != nil {
		all, err = w.gen.Table.Standings()
	}
	w.moved = false
	w.mu.Unlock()
	if err == nil {
		err = w.Save(all)
	}
	if err != nil {
		w.mu.Lock()
		w.moved = true
		w.mu.Unlock()
	}
	return err
}
