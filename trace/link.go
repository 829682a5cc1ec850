package trace

import (
	"slices"
	"strings"
	"time"
)

// link says that two groups are about one message.
type link struct {
	kind     linkKind
	from, to *group // the earlier one first
}

type linkKind int

const (
	again        linkKind = iota // handed back by a filter, forwarded, or queued again: the same message
	notification                 // this host made a notification
	comesBack                    // a notification came from outside
)

// sameMessage reports whether the id that a server's words name is that of the message which it was
// given: a stranger's server may write what it likes, and another host may use the same short id.
func sameMessage(g, other *group, relay string) bool {
	if g.message != "" && other.message != "" {
		return g.message == other.message && !other.first.Before(g.first)
	}
	return isLoopback(relay) || relay == "local"
}

// isLoopback reports whether a relay, "name[address]:port", is this host.
func isLoopback(relay string) bool {
	_, addr, _ := strings.Cut(relay, "[")
	return strings.HasPrefix(addr, "127.") || strings.HasPrefix(addr, "::1]")
}

func (j *join) noteNotified(g *group, id string) {
	other := j.latest[id]
	switch {
	case other == g:
	case other != nil && (other.null || !other.started): // a notification has no client
		j.link(notification, g, other)
	case other == nil && g.wanted:
		j.expected[id] = g
	}
}

// noteReturned finds the message that a notification from outside is about: the latest one to the
// recipient that it names, of the author that it goes to. One that this host makes may pass the
// milter, too, but has no client. Where the notification was asked for, it is one of those in the
// window; else it must have been asked for.
func (j *join) noteReturned(g *group, e *event) {
	if e.ours.DSN == "" || e.ours.ForwardedTo == "" || !g.started || g.parent() != nil {
		return
	}
	candidates := j.wanted
	if g.wanted || j.query.matches(e) {
		candidates = j.queue.groups[j.queue.head:]
	}
	about := failed(e.ours.DSN)
	for _, c := range slices.Backward(candidates) {
		if c != g && !c.gone && !c.null && c.parent() == nil && returns(c, about, e.ours) {
			j.link(comesBack, c, g)
			return
		}
	}
	j.early = append(j.early[max(0, len(j.early)-mostEarly):], g)
}

// mostEarly is how many notifications wait for the line about their message.
const mostEarly = 1000

// noteTaken links a message that was delivered with a notification that is in the log already: on a
// busy host the receiver may be faster than the line that says that it accepted the message.
func (j *join) noteTaken(g *group, e *event) {
	for len(j.early) > 0 && e.time.Sub(j.early[0].last) > stragglers {
		j.early = j.early[1:]
	}
	for _, b := range j.early {
		if b != g && !b.gone && !g.null && g.parent() == nil && b.parent() == nil && returns(g, failed(b.decided.DSN), b.decided) {
			j.link(comesBack, g, b)
		}
	}
}

// returns reports whether a notification about recipients, that onbehalf has forwarded, may be
// about the message of a group: it was taken for one of them, and is of the same tenant or author.
func returns(g *group, about []string, n *Decision) bool {
	if g.decided == nil || (g.decided.Tenant == "" || g.decided.Tenant != n.Tenant) && !names(strings.ToLower(n.ForwardedTo), strings.ToLower(g.decided.Sender)) {
		return false
	}
	return slices.ContainsFunc(g.taken, func(taken string) bool {
		return slices.ContainsFunc(about, func(to string) bool { return strings.EqualFold(to, taken) })
	})
}

// link joins two groups; the one is wanted if the other is.
func (j *join) link(kind linkKind, from, to *group) {
	if to.parent() != nil || from.root() == to {
		return
	}
	l := &link{kind, from, to}
	from.links, to.links = append(from.links, l), append(to.links, l)
	if from.wanted {
		j.want(to)
	} else if to.wanted {
		j.want(from)
	}
}

// joinFiltered links what a filter got by pipe(8) with what it handed in by sendmail(1): only the
// Message-ID is the same (Postfix's FILTER_README, simple content filter).
func (j *join) joinFiltered() {
	for i, g := range j.wanted {
		for _, later := range j.wanted[i+1:] {
			if g.filtered && g.message != "" && later.message == g.message && later.first.Sub(g.first) < time.Hour {
				j.link(again, g, later)
				break
			}
		}
	}
}

// piped reports whether a filter got the message.
func (e *event) piped() bool {
	return e.status == "sent" && strings.HasPrefix(e.words, "delivered via ") && !strings.Contains(e.relay, "[")
}

// root is the group that all others of a message belong to.
func (g *group) root() *group {
	for l := g.parent(); l != nil; l = g.parent() {
		g = l.from
	}
	return g
}
