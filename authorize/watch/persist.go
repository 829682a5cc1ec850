package watch

import (
	"reflect"
	"slices"

	"onbehalf/message"
	"onbehalf/tenant"
)

// save has standings kept for the next start.
func (w *Watcher) save(saved []tenant.Standing, gone []message.Domain) {
	if w.Save != nil && len(saved)+len(gone) > 0 {
		w.Save(saved, gone)
	}
}

// SaveAll has all that is known kept again, for a Save that has lost it.
func (w *Watcher) SaveAll() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	table := w.table.Load()
	if table == nil {
		return nil
	}
	all, err := table.Standings()
	w.save(append(all, w.parked...), nil)
	return err
}

// saveRound saves in what a generation differs from what was known before it and was parked.
func (w *Watcher) saveRound(r *round, known, parked []tenant.Standing) {
	if w.Save == nil {
		return
	}
	var saved []tenant.Standing
	stays := make(map[message.Domain]bool, len(r.fitted)+len(w.parked))
	for _, s := range r.fitted {
		stays[s.Domain] = true
		if before := r.before[s.Domain]; before == nil || !isSame(*before, s) {
			saved = append(saved, s)
		}
	}
	for _, s := range w.parked {
		stays[s.Domain] = true
	}
	var gone []message.Domain
	for _, before := range [][]tenant.Standing{known, parked} {
		for _, s := range before {
			if !stays[s.Domain] {
				gone = append(gone, s.Domain)
			}
		}
	}
	w.save(saved, gone)
}

// isSame reports whether there is nothing to save. That there are no keys is written in two ways.
func isSame(a, b tenant.Standing) bool {
	if !slices.Equal(a.DKIM, b.DKIM) {
		return false
	}
	a.DKIM, b.DKIM = nil, nil
	return reflect.DeepEqual(a, b)
}
