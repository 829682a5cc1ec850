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

// saving is how the last save went.
type saving struct {
	ended   time.Time
	took    time.Duration
	failing bool
}

// keepSaved saves until ctx ends.
func (w *Watcher) keepSaved(ctx context.Context, last *saving) {
	ticker := time.NewTicker(saveTick)
	defer ticker.Stop()
	last.ended = time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		calm := time.Since(last.ended)
		if calm >= saveCalm || calm >= saveShare*last.took && w.hasMoved() {
			w.saveNow(last)
		}
	}
}

// saveNow saves, and says so once when that begins to fail.
func (w *Watcher) saveNow(last *saving) {
	began := time.Now()
	err := w.save()
	if err != nil && !last.failing {
		w.Log.Error("standings cannot be saved; they are kept in memory, and lost with a restart", "error", err,
			"remedy", "let the user that the daemon runs as write to the state_dir")
	} else if err == nil && last.failing {
		w.Log.Info("standings can be saved again")
	}
	w.noteSaved(err)
	*last = saving{time.Now(), time.Since(began), err != nil}
}

func (w *Watcher) hasMoved() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.moved
}

// noteSaved notes what became of a save.
func (w *Watcher) noteSaved(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.unsaved = ""; err != nil {
		w.unsaved, w.moved = err.Error(), true
	}
}

// toSave gives the table, and what is kept beside it. What moves from here on is saved the
// next time.
func (w *Watcher) toSave() (*tenant.Table, []tenant.Standing) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moved = false
	return w.gen.Table, w.parked
}

func (w *Watcher) save() error {
	table, parked := w.toSave()
	if table == nil {
		return nil
	}
	all, err := table.Standings()
	if err != nil {
		return err
	}
	return w.Save(append(all, parked...))
}
