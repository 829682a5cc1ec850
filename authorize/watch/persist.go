package watch

import (
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
	for _, s := range w.parked {
		all = append(all, *s)
	}
	w.save(all, nil)
	return err
}

// saveRound saves in what a generation differs from what was known before it and was parked.
func (w *Watcher) saveRound(r *round, known, parked []*tenant.Standing) {
	if w.Save == nil {
		return
	}
	var saved []tenant.Standing
	stays := make(map[message.Domain]bool, len(r.fitted)+len(w.parked))
	for _, s := range r.fitted {
		stays[s.Domain] = true
		if r.before[s.Domain] != s {
			saved = append(saved, *s)
		}
	}
	for _, s := range w.parked {
		stays[s.Domain] = true
	}
	var gone []message.Domain
	for _, before := range [][]*tenant.Standing{known, parked} {
		for _, s := range before {
			if !stays[s.Domain] {
				gone = append(gone, s.Domain)
			}
		}
	}
	w.save(saved, gone)
}

// isSame reports whether there is nothing to save. That there are no keys is written in two ways.
func isSame(a, b *tenant.Standing) bool {
	return a.Domain == b.Domain && a.SPF == b.SPF && slices.Equal(a.DKIM, b.DKIM) && a.ReturnPath == b.ReturnPath &&
		a.DMARC == b.DMARC && a.Seen == b.Seen
}
