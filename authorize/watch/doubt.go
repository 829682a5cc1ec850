package watch

import (
	"context"
	"slices"
	"time"

	"onbehalf/authorize"
	"onbehalf/message"
	"onbehalf/tenant"
)

// observed is a report with what it says of the resolver.
type observed struct {
	authorize.Report
	sign sign
}

// sign is what one lookup says of the resolver.
type sign int

const (
	unanswered sign = iota // nothing was answered
	answered               // it works
	blank                  // it says that there is nothing where there was nothing before
	denied                 // it says that there is nothing where there was something, here and elsewhere
)

// observe looks up a domain. Where it finds nothing at all, it looks up others as well, before that
// is believed: there are resolvers that answer NXDOMAIN to everything when they cannot reach
// anybody, or have an empty zone.
func (w *Watcher) observe(ctx context.Context, source Source, target authorize.Target) observed {
	report := look(ctx, source, target, w.Log)
	switch {
	case !report.Answered:
		return observed{report, unanswered}
	case !report.Blank:
		return observed{report, answered}
	}
	before := source.Table().Snapshot().Standing(target.Domain)
	switch {
	case !report.IsDoubtful(before):
		return observed{report, blank}
	case !authorize.Holds(before) && w.outage.worksSince() < lately: // there are very many new ones at a first start
		return observed{report, blank}
	}
	if missed := w.missed(ctx, source, target); missed != nil {
		return observed{report.Disbelieved(missed), denied}
	}
	return observed{report, answered}
}

// lately is how long ago DNS must have shown a record for it to be believed of a new domain, which
// has nothing to lose, that it has none.
const lately = 10 * time.Second

// maxCompared is how many tenants' domains are compared with one that has vanished.
const maxCompared = 3

// missed returns the domains that had records, and have none now any more than the target: the
// platform, whose records no tenant can delete, and those of other tenants. Nil: one of them still
// has records, or there is none to compare with; then it is not the resolver.
func (w *Watcher) missed(ctx context.Context, source Source, target authorize.Target) []message.Domain {
	snapshot := source.Table().Snapshot()
	platform := snapshot.Platform().Domain
	if !authorize.Holds(snapshot.Standing(platform)) {
		return nil
	}
	if target.Domain != platform && !w.isBlank(ctx, source, platform) {
		return nil
	}
	others := othersWith(snapshot, target.Tenant)
	for _, d := range others {
		if !w.isBlank(ctx, source, d) {
			return nil
		}
	}
	if target.Domain != platform {
		others = append([]message.Domain{platform}, others...)
	}
	return others
}

// isBlank reports whether DNS has no record of a watched domain now, or does not answer.
func (w *Watcher) isBlank(ctx context.Context, source Source, d message.Domain) bool {
	e := w.schedule.watched(d)
	if e == nil {
		return false
	}
	report := look(ctx, source, e.target, w.Log)
	return report.Blank || !report.Answered
}

// othersWith returns a few domains that had records when they were looked up, of those the last,
// and that belong to other tenants, each to another one.
func othersWith(s *tenant.Snapshot, id string) (others []message.Domain) {
	var chosen []*tenant.Standing // the last one first
	used := map[string]bool{id: true}
	s.EachStanding(func(one *tenant.Standing) { // an error is of a table that does not exist
		full := len(chosen) == maxCompared
		if !authorize.Holds(*one) || full && !isLater(one, chosen[maxCompared-1]) {
			return
		}
		owner, _ := s.Owner(one.Domain)
		if owner == nil || used[owner.ID] {
			return
		}
		used[owner.ID] = true
		at, _ := slices.BinarySearchFunc(chosen, one, func(there, one *tenant.Standing) int {
			return one.DMARC.Checked.Compare(there.DMARC.Checked)
		})
		chosen = slices.Insert(chosen, at, one)
		chosen = chosen[:min(len(chosen), maxCompared)]
	})
	for _, one := range chosen {
		others = append(others, one.Domain)
	}
	return others
}

func isLater(a, b *tenant.Standing) bool { return a.DMARC.Checked.After(b.DMARC.Checked) }
