package trace

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// mailing writes the log of messages, each to a recipient of its own unless that is given, and of as
// many notifications from outside about them.
type mailing struct {
	strings.Builder
	at time.Time
	n  int
}

func newMailing() *mailing { return &mailing{at: began} }

func (m *mailing) line(program, format string, args ...any) {
	m.at = m.at.Add(time.Millisecond)
	fmt.Fprintf(m, "%s mail %s[1]: ", m.at.Format("2006-01-02T15:04:05.000000-07:00"), program)
	fmt.Fprintf(m, format+"\n", args...)
}

// sent adds a message of a tenant, and returns its queue id.
func (m *mailing) sent(tenant, sender, to string) string {
	m.n++
	id := fmt.Sprintf("4jZw%09dz1VJwp", m.n)
	m.line("postfix/smtpd", "%s: client=lms[192.0.2.10]", id)
	m.line("onbehalf", `level=INFO msg=message queue_id=%s row="6 on-behalf" action=rewrite result=done tenant=%s sender=%s`, id, tenant, sender)
	m.line("postfix/smtp", "%s: to=<%s>, relay=mx[203.0.113.25]:25, delay=0.3, delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)", id, to)
	m.line("postfix/qmgr", "%s: removed", id)
	return id
}

// returned adds a notification about a recipient, for the author of a tenant.
func (m *mailing) returned(tenant, author, about string) {
	m.n++
	id := fmt.Sprintf("4jZw%09dz1VJwp", m.n)
	m.line("postfix/smtpd", "%s: client=mx[203.0.113.25]", id)
	m.line("onbehalf", `level=INFO msg=message queue_id=%s row=return action=forward result=done tenant=%s to=%s dsn="failed 5.1.1 for %s"`, id, tenant, author, about)
	m.line("postfix/qmgr", "%s: removed", id)
}

func (m *mailing) source() Source {
	return Source{Name: "log", In: strings.NewReader(m.String()), End: written}
}

// many is so many messages that to compare each with each takes minutes.
const many = 20_000

const academy = "academy@school.example"

func student(i int) string { return fmt.Sprintf("Student%d@receiver.example", i) }

// TestManyComeBack: of a mailing that comes back as a whole, each notification belongs to its
// message, whichever way round the log has them.
func TestManyComeBack(t *testing.T) {
	l := usual()
	l.stories = 2 * many
	for _, early := range []bool{false, true} {
		m := newMailing()
		for i := range many {
			if early {
				m.returned("school", academy, student(i))
			}
			m.sent("school", academy, strings.ToUpper(student(i)))
		}
		for i := range many {
			if !early {
				m.returned("school", academy, student(i))
			}
		}
		found := searchWithin(l, Query{text: academy}, Options{}, m.source())
		if len(found.Stories) != many {
			t.Fatalf("early %v: %d stories of %d messages", early, len(found.Stories), many)
		}
		for _, s := range found.Stories {
			about := strings.ToLower(s.Recipients[0].Address)
			if len(s.Returned) != 1 || !strings.HasSuffix(strings.ToLower(s.Returned[0].Decision.DSN), " for "+about) {
				t.Fatalf("early %v: to %s came back %+v", early, about, s.Returned)
			}
		}
	}
}

// TestLatestComesBack: of several messages to a recipient a notification is about the latest one of
// its author, and of no other tenant's.
func TestLatestComesBack(t *testing.T) {
	m := newMailing()
	m.sent("school", academy, student(1))
	latest := m.sent("school", academy, student(1))
	m.sent("other", "a@other.example", student(1))
	m.returned("school", academy, student(1))
	m.returned("stranger", "a@stranger.example", student(1))
	found := Search(Query{text: strings.ToLower(student(1))}, Options{}, m.source())
	for _, s := range found.Stories {
		want := 0
		if s.QueueIDs[0] == latest {
			want = 1
		}
		if len(s.Returned) != want {
			t.Errorf("%s: %d came back, want %d", s.QueueIDs[0], len(s.Returned), want)
		}
	}
	if len(found.Stories) != 4 { // the stranger's notification is one of its own
		t.Errorf("%d stories", len(found.Stories))
	}
}

// TestNothingStays: what a join holds is bounded by what it has not forgotten, whether all of a log
// matches or nothing.
func TestNothingStays(t *testing.T) {
	for _, query := range []string{academy, "stranger@nowhere.example"} {
		m := newMailing()
		for i := range 5 * queueSlack {
			id := m.sent("school", academy, student(i))
			m.line("postfix/bounce", "%s: sender non-delivery notification: 4kZw%09dz1VJwp", id, i)
			m.returned("school", academy, student(i))
			m.returned("school", academy, fmt.Sprintf("no-%d@receiver.example", i))
		}
		j := joined(t, narrow, Query{text: query}, m.source())
		kept := len(j.wanted) + j.unwanted
		if all := 15 * queueSlack; kept == 0 || kept > all/2 {
			t.Errorf("%s: %d of %d groups are kept", query, kept, all)
		}
		if got := len(j.queue.groups) - j.queue.head; got > 2*j.unwanted+queueSlack {
			t.Errorf("%s: %d groups in the queue, %d of them to be forgotten", query, got, j.unwanted)
		}
		for what, got := range map[string]int{"taken": len(j.taken), "expected": len(j.expected), "latest": len(j.latest)} {
			if got > kept {
				t.Errorf("%s: %d %s, of %d groups", query, got, what, kept)
			}
		}
		if len(j.early) > mostEarly || len(j.awaited) > len(j.early) {
			t.Errorf("%s: %d notifications wait, for %d recipients", query, len(j.early), len(j.awaited))
		}
	}
}

// TestGoneHoldsNothing: a group that was forgotten keeps nothing of its lines for those that are
// linked with it.
func TestGoneHoldsNothing(t *testing.T) {
	m := newMailing()
	m.sent("school", academy, student(1))
	j := joined(t, usual(), Query{text: academy}, m.source())
	g := j.wanted[0]
	if bytes := j.drop(g); bytes < groupCost || !g.gone || g.lines != nil || g.taken != nil || g.decided != nil || g.message != "" || len(j.taken) != 0 {
		t.Errorf("%d bytes of %+v", bytes, g)
	}
}

// joined reads a log into a join.
func joined(t *testing.T, l limits, q Query, source Source) *join {
	s := search{options: Options{Location: time.UTC}, join: newJoin(q, l), readers: []*reader{newReader(source, time.UTC)}}
	each(s.readers, s.take)
	if s.join.postfix == 0 || s.join.ours == 0 {
		t.Fatal("nothing was read")
	}
	return s.join
}

// BenchmarkReturned reads mailings that come back in ways that cost: by strangers, who choose whom
// and how often they notify.
func BenchmarkReturned(b *testing.B) {
	for name, write := range map[string]func(m *mailing, n int){
		"each": func(m *mailing, n int) {
			for i := range n {
				m.sent("school", academy, student(i))
			}
			for i := range n {
				m.returned("school", academy, student(i))
			}
		},
		"of strangers": func(m *mailing, n int) {
			for range n {
				m.sent("other", "a@other.example", student(1))
			}
			for range n {
				m.returned("school", academy, student(1))
			}
		},
		"early": func(m *mailing, n int) {
			for i := range n {
				m.returned("school", academy, student(1))
				m.sent("other", "a@other.example", student(1+i%2))
			}
		},
		"one again and again": func(m *mailing, n int) {
			m.sent("school", academy, student(1))
			for range n {
				m.returned("school", academy, student(1))
			}
		},
	} {
		m := newMailing()
		write(m, many)
		log := m.String()
		for query, text := range map[string]string{"matching": academy, "other": "x@y.example"} {
			b.Run(name+"/"+query, func(b *testing.B) {
				for b.Loop() {
					Search(Query{text: text}, Options{}, Source{Name: "log", In: io.Reader(strings.NewReader(log)), End: written})
				}
			})
		}
	}
}
