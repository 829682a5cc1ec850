package trace

import (
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
		g.expects = append(g.expects, id)
	}
}

// noteReturned finds the message that a notification from outside is about: the latest one to the
// recipient that it names, of the author that it goes to. One that this host makes may pass the
// milter, too, but has no client. Where the notification was not asked for, the message must be.
func (j *join) noteReturned(g *group, e *event) {
	if e.ours.DSN == "" || e.ours.ForwardedTo == "" || !g.started || g.parent() != nil {
		return
	}
	asked := g.wanted || j.query.matches(e)
	about := lowered(failed(e.ours.DSN))
	var latest *group
	for _, to := range about {
		for _, c := range j.taken[to] {
			if (asked || c.wanted) && (latest == nil || !c.first.Before(latest.first)) && returns(c, g, e.ours) {
				latest = c
			}
		}
	}
	if latest != nil {
		j.link(comesBack, latest, g)
		return
	}
	j.wait(g, about)
}

// mostEarly is how many notifications wait for the line about their message.
const mostEarly = 1000

// wait keeps a notification for noteTaken.
func (j *join) wait(g *group, about []string) {
	if len(about) == 0 || g.about != nil {
		return
	}
	if len(j.early) == mostEarly {
		j.waitNoLonger()
	}
	g.about = about
	j.early = append(j.early, g)
	for _, to := range about {
		j.awaited.add(to, g)
	}
}

// waitNoLonger gives up the notification that has waited longest.
func (j *join) waitNoLonger() {
	g := j.early[0]
	for _, to := range g.about {
		j.awaited.remove(to, g)
	}
	g.about = nil
	j.early = j.early[1:]
}

// noteTaken notes that a recipient got a message, and links it with a notification that is in the
// log already: on a busy host the receiver may be faster than the line that says that it accepted
// the message.
func (j *join) noteTaken(g *group, e *event, to string) {
	to = strings.ToLower(to)
	if j.taken.add(to, g) {
		g.taken = append(g.taken, to)
	}
	for len(j.early) > 0 && e.time.Sub(j.early[0].last) > stragglers {
		j.waitNoLonger()
	}
	for _, b := range j.awaited[to] {
		if g.parent() == nil && b.parent() == nil && b.decided != nil && returns(g, b, b.decided) {
			j.link(comesBack, g, b)
		}
	}
}

// returns reports whether a notification b, that onbehalf has forwarded, may be about the message
// of a group that got to the same recipient: it is of the same tenant or author.
func returns(g, b *group, n *Decision) bool {
	if g == b || g.null || g.decided == nil || g.parent() != nil {
		return false
	}
	return g.decided.Tenant != "" && g.decided.Tenant == n.Tenant ||
		names(strings.ToLower(n.ForwardedTo), strings.ToLower(g.decided.Sender))
}

// link joins two groups; the one is wanted if the other is.
func (j *join) link(kind linkKind, from, to *group) {
	if to.parent() != nil || from.root() == to {
		return
	}
	l := &link{kind, from, to}
	from.links, to.links, to.above = append(from.links, l), append(to.links, l), l
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
		if !g.filtered || g.message == "" {
			continue
		}
		for _, later := range j.wanted[i+1:] {
			if later.message == g.message && later.first.Sub(g.first) < time.Hour {
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
