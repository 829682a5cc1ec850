package trace

import (
	"slices"
	"time"
)

// group is the lines about one message while it has one queue id.
type group struct {
	id       string
	lines    []Line // kept as they came: only those of stories are read a second time
	bytes    int
	first    time.Time
	last     time.Time
	started  bool // its beginning is there
	named    bool // with its Message-ID
	message  string
	null     bool      // its envelope sender is null
	taken    []string  // recipients that it was delivered to, or handed on for, in lower case
	about    []string  // recipients that it did not reach, of a notification in join.early
	expects  []string  // queue ids of notifications in join.expected
	decided  *Decision // the first one
	finished bool      // it has left the queue, or was refused
	filtered bool      // a filter got it by pipe(8), which names no queue id
	wanted   bool
	gone     bool // it was forgotten
	spared   int  // how many times it was not forgotten
	clipped  bool // lines are missing, for there were too many

	links []*link
	above *link // that of links by which it belongs to another one; nil: it is the first
}

// mostBytes is how much of one group is kept.
const mostBytes = 8 << 20

func (g *group) add(line Line) {
	g.last = line.Time
	size := len(line.Text) + len(line.Program) + lineCost
	if g.bytes+size > mostBytes {
		g.clipped = true
		return
	}
	g.lines = append(g.lines, line)
	g.bytes += size
}

// has reports whether a line was added already, from another source. What Postfix says twice it says
// at another time, or with another delay.
func (g *group) has(line Line) bool {
	for _, l := range slices.Backward(g.lines) {
		if line.Time.Sub(l.Time) > time.Second {
			return false
		}
		if l.Text == line.Text {
			return true
		}
	}
	return false
}

// lineCost is what a line takes beside its text, in bytes, about.
const lineCost = 64

// takes reports whether an event is about the message of this group, and not about a later one that
// has its queue id.
func (g *group) takes(e *event) bool {
	switch e.kind {
	case begun:
		return !g.started && !g.finished && !g.named
	case named:
		return !g.finished && !g.named
	case queued:
		return !g.finished
	}
	return !g.finished || e.time.Sub(g.last) < stragglers
}

// stragglers is how long after a message has left the queue lines about it may come: another
// process, or another log, may be late.
const stragglers = time.Minute

// parent returns the link by which this group belongs to another one; nil: it is the first.
func (g *group) parent() *link { return g.above }
