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
	sign  sign
	found comparison // by which the resolver denies what is there
}

// sign is what one lookup says of the resolver.
type sign int

const (
	unanswered sign = iota // nothing was answered
	answered               // it works, for it has shown a record
	blank                  // it says that there is nothing, which proves nothing: there may be none
	denied                 // it says that there is nothing where there was something, here and elsewhere
)

// observe looks up a domain. Where it finds nothing at all, it looks up others as well, before that
// is believed: there are resolvers that answer NXDOMAIN to everything when they cannot reach
// anybody, or have an empty zone. While one does so, it is believed of none.
func (w *Watcher) observe(ctx context.Context, source Source, target authorize.Target) observed {
	report := look(ctx, source, target, w.Log)
	switch {
	case !report.Answered:
		return observed{Report: report, sign: unanswered}
	case !report.Blank:
		return observed{Report: report, sign: answered}
	}
	before := source.Table().Snapshot().Standing(target.Domain)
	switch {
	case !report.IsDoubtful(before):
		return observed{Report: report, sign: blank}
	case !authorize.Holds(before) && w.outage.works(): // there are very many new ones at a first start
		return observed{Report: report, sign: blank}
	}
	found := w.compare(ctx, source, target)
	if found.shown {
		return observed{Report: report, sign: answered}
	}
	if !found.suffices {
		last, on := w.outage.denial()
		if !on {
			return observed{Report: report, sign: blank}
		}
		found = last.without(target.Domain)
	}
	return observed{report.Disbelieved(found.denied, found.unanswered), denied, found}
}

// lately is how long ago DNS must have shown a record for it to be believed of a new domain, which
// has nothing to lose, that it has none.
const lately = 10 * time.Second

// maxCompared is how many tenants' domains are compared with one that has vanished.
const maxCompared = 3

// comparison is what DNS says of others that had records, when it says that a domain has none.
type comparison struct {
	shown      bool             // one of them still has records: it is not the resolver
	suffices   bool             // they are enough to blame the resolver, if none is shown
	denied     []message.Domain // DNS says that they have no records any more
	unanswered []message.Domain // DNS does not answer about them
}

// compare looks up the platform and domains of other tenants, as many as had records, until one
// is found that still has some.
func (w *Watcher) compare(ctx context.Context, source Source, target authorize.Target) (c comparison) {
	snapshot := source.Table().Snapshot()
	others, fewest := othersWith(snapshot, target.Tenant), maxCompared // a few tenants may have vanished together
	if platform := platformWith(snapshot); !platform.IsZero() {
		fewest = 1 // no tenant can delete its records
		if platform != target.Domain {
			others = slices.Insert(others, 0, platform)
		}
	}
	for _, d := range others {
		e := w.schedule.watched(d)
		if e == nil {
			continue // it was forgotten this moment
		}
		switch report := look(ctx, source, e.target, w.Log); {
		case !report.Answered:
			c.unanswered = append(c.unanswered, d)
		case report.Blank:
			c.denied = append(c.denied, d)
		default:
			return comparison{shown: true}
		}
	}
	c.suffices = len(c.denied)+len(c.unanswered) >= fewest
	return c
}

// without returns the comparison for somebody who is part of it.
func (c comparison) without(d message.Domain) comparison {
	is := func(one message.Domain) bool { return one == d }
	c.denied = slices.DeleteFunc(slices.Clone(c.denied), is)
	c.unanswered = slices.DeleteFunc(slices.Clone(c.unanswered), is)
	return c
}

// platformWith returns the platform's domain, if it had records when it was last looked up; else
// zero: it has published nothing, or is another one since the last reload.
func platformWith(s *tenant.Snapshot) message.Domain {
	if platform := s.Platform().Domain; authorize.Holds(s.Standing(platform)) {
		return platform
	}
	return message.Domain{}
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
