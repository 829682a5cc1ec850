package trace

import (
	"cmp"
	"slices"
)

// limits are how much is kept in memory.
type limits struct {
	// window is how many bytes there are of what does not match: a line that comes later may show
	// that it belongs to a message that does.
	window  int
	wanted  int // bytes of what matches
	stories int // messages that match, the newest
}

// usual is enough for the messages of some minutes on a busy host, and for what is in its queue.
func usual() limits { return limits{window: 32 << 20, wanted: 128 << 20, stories: 1000} }

// groupCost is what a group takes beside its lines, in bytes, about.
const groupCost = 600

// join brings the lines of a log together, by message.
type join struct {
	query  Query
	limits limits
	latest map[string]*group // by queue id
	wanted []*group          // in the order of time
	bytes  int               // of all that is not wanted
	held   int               // bytes of wanted
	older  int               // how many wanted messages were forgotten

	queue    fifo // of what may be forgotten, the oldest first
	unwanted int  // how many groups there are to forget; all are in the queue

	taken    recipients        // messages that are not gone, by whom they were delivered to
	early    []*group          // notifications from outside of the last minute that nothing is known of
	awaited  recipients        // the same, by whom they did not reach
	expected map[string]*group // notifications that a wanted group names, and that have no line yet
	ours     int               // lines of onbehalf about a message
	postfix  int               // lines of Postfix about a message
}

func newJoin(q Query, l limits) *join {
	return &join{
		query: q, limits: l, latest: make(map[string]*group), expected: make(map[string]*group),
		taken: make(recipients), awaited: make(recipients),
	}
}

// fifo is a queue of groups.
type fifo struct {
	groups []*group
	head   int
}

func (f *fifo) push(g *group) { f.groups = append(f.groups, g) }

// pop returns the oldest; nil: none is left.
func (f *fifo) pop() *group {
	if f.head == len(f.groups) {
		return nil
	}
	g := f.groups[f.head]
	f.groups[f.head] = nil
	f.head++
	if f.head > queueSlack && f.head*2 > len(f.groups) {
		f.groups, f.head = slices.Delete(f.groups, 0, f.head), 0
	}
	return g
}

// queueSlack is how many groups may be in the queue in vain: to move the others costs time, too.
const queueSlack = 1024

func (f *fifo) len() int { return len(f.groups) - f.head }

// weed takes out what is no longer there to be forgotten.
func (f *fifo) weed() {
	f.groups = slices.DeleteFunc(f.groups[f.head:], func(g *group) bool { return g.wanted || g.gone })
	f.head = 0
}

// take adds a line.
func (j *join) take(line Line) {
	e, ok := parseOwn(line)
	if ok {
		j.ours++
	} else if e, ok = parsePostfix(line); ok {
		j.postfix++
	} else {
		return
	}
	if g := j.latest[e.id]; g != nil && g.has(line) {
		return // from two files of the log daemon
	}
	g := j.groupOf(&e)
	before := g.bytes
	g.add(line)
	j.account(g, g.bytes-before)
	j.note(g, &e)
	if !g.wanted && j.query.matches(&e) {
		j.want(g)
	}
	j.forget()
}

// groupOf finds the group of an event, or begins one.
func (j *join) groupOf(e *event) *group {
	if e.id != "" {
		if g := j.latest[e.id]; g != nil && g.takes(e) {
			return g
		}
	}
	g := &group{id: e.id, first: e.time, finished: e.id == "", bytes: groupCost}
	j.bytes += groupCost
	j.unwanted++
	j.queue.push(g)
	if g.finished {
		return g
	}
	j.latest[e.id] = g
	if parent := j.expected[e.id]; parent != nil {
		delete(j.expected, e.id)
		j.link(notification, parent, g)
	}
	return g
}

// account counts bytes where they belong.
func (j *join) account(g *group, bytes int) {
	if g.wanted {
		j.held += bytes
	} else {
		j.bytes += bytes
	}
}

// note takes from an event what later lines are joined by.
func (j *join) note(g *group, e *event) {
	switch e.kind {
	case begun:
		g.started = true
		if other := j.latest[e.other]; other != nil && other != g {
			j.link(again, other, g)
		}
	case named:
		g.named, g.message = true, e.messageID
	case queued:
		g.null = e.from == ""
	case tried:
		if e.status == "sent" {
			j.noteTaken(g, e, e.to)
			if e.origTo != "" {
				j.noteTaken(g, e, e.origTo)
			}
		}
		g.filtered = g.filtered || e.piped()
		if other := j.latest[e.other]; other != nil && other != g && sameMessage(g, other, e.relay) {
			j.link(again, g, other)
		}
	case notified:
		j.noteNotified(g, e.other)
	case decided:
		if g.decided == nil {
			g.decided = e.ours
		}
		j.noteReturned(g, e)
	case removed:
		g.finished = true
	case rejected:
		if e.stage == "END-OF-MESSAGE" || e.stage == "header" || e.stage == "body" || e.status == "discard" {
			g.finished = true
		}
	}
}

// want keeps a group, and all that it is linked with.
func (j *join) want(g *group) {
	if g.wanted || g.gone {
		return
	}
	g.wanted = true
	j.unwanted--
	j.bytes -= g.bytes
	j.held += g.bytes
	at, _ := slices.BinarySearchFunc(j.wanted, g, func(a, b *group) int {
		return cmp.Or(a.first.Compare(b.first), -1)
	})
	j.wanted = slices.Insert(j.wanted, at, g)
	for _, l := range g.links {
		j.want(l.from)
		j.want(l.to)
	}
}

// mostSpared is how many times a message that is still in the queue is spared: it may be there for
// days.
const mostSpared = 10

// forget drops what there is too much of.
func (j *join) forget() {
	for j.bytes > j.limits.window {
		g := j.queue.pop()
		switch {
		case g == nil:
			return
		case g.wanted, g.gone:
		case !g.finished && g.spared < mostSpared:
			g.spared++
			j.queue.push(g)
		default:
			j.unwanted--
			j.bytes -= j.drop(g)
		}
	}
	if j.queue.len() > 2*j.unwanted+queueSlack { // where most of the log matches, nothing is popped
		j.queue.weed()
	}
	for len(j.wanted) > j.limits.stories || j.held > j.limits.wanted && len(j.wanted) > 1 {
		if j.wanted[0].parent() == nil {
			j.older++
		}
		j.held -= j.drop(j.wanted[0])
		j.wanted = j.wanted[1:]
	}
}

// drop lets a group go, and returns how many bytes it had. Others may still be linked with it: what
// it holds must not stay with them.
func (j *join) drop(g *group) int {
	if j.latest[g.id] == g {
		delete(j.latest, g.id)
	}
	for _, to := range g.taken {
		j.taken.remove(to, g)
	}
	for _, to := range g.about {
		j.awaited.remove(to, g)
	}
	for _, id := range g.expects {
		if j.expected[id] == g {
			delete(j.expected, id)
		}
	}
	bytes := g.bytes
	*g = group{id: g.id, first: g.first, last: g.last, gone: true}
	return bytes
}
