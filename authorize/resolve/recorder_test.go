package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"onbehalf/authorize/resolve"
)

// asker counts what gets through.
type asker struct {
	mu    sync.Mutex
	asked map[string]int
}

var errSilent = errors.New("silence")

// Ask has an answer for all names but silent.nl.
func (a *asker) Ask(_ context.Context, name string, qtype uint16) (resolve.Answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.asked == nil {
		a.asked = make(map[string]int)
	}
	a.asked[fmt.Sprint(name, " ", dns.Type(qtype))]++
	answer := resolve.Answer{Chain: []string{name}, NoName: true}
	if name == "silent.nl" {
		return answer, &resolve.Error{Name: name, Type: "TXT", Cause: errSilent}
	}
	return answer, nil
}

// ofText asks for the texts at a name.
func ofText(a resolve.Answers, name string) (resolve.Answer, error) { return a.To(name, dns.TypeTXT) }

// bound returns the answers for one judgement, straight from an asker.
func bound(t *testing.T, a resolve.Asker, most int) *resolve.Bounded {
	return resolve.Bound(resolve.NewRecorder(t.Context(), a), most)
}

func TestBounded(t *testing.T) {
	t.Parallel()
	var a asker
	m := bound(t, &a, 4)
	for range 2 {
		for _, name := range []string{"x.nl", "X.NL.", "x.nl."} {
			if got, err := ofText(m, name); err != nil || got.Target() != "x.nl" || !got.NoName {
				t.Error(got, err)
			}
		}
		if _, err := m.To("x.nl", dns.TypeMX); err != nil {
			t.Error(err)
		}
		if _, err := ofText(m, "silent.nl"); !errors.Is(err, errSilent) {
			t.Error(err)
		}
		if _, err := ofText(m, "a@x.nl"); err != nil {
			t.Error(err)
		}
		if _, err := ofText(m, `a\@x.nl`); err != nil {
			t.Error(err)
		}
	}
	if got := fmt.Sprint(a.asked); got != `map[a\@x.nl TXT:1 silent.nl TXT:1 x.nl MX:1 x.nl TXT:1]` {
		t.Error(got)
	}

	for range 2 {
		got, err := ofText(m, "One.more.nl")
		var unanswered *resolve.Error
		if !errors.Is(err, resolve.ErrTooMany) || !errors.As(err, &unanswered) || got.Target() != "one.more.nl" || got.NoName {
			t.Error(got, err)
		}
	}
	if _, err := ofText(m, "x.nl"); err != nil {
		t.Errorf("what was known is not any more: %v", err)
	}
	if definitive, none := m.Answered(); definitive != 3 || none != 1 {
		t.Error(definitive, none)
	}
	if len(a.asked) != 4 {
		t.Error(a.asked)
	}
}

// TestRecorder has judgements share what was asked. Each still counts all its questions.
func TestRecorder(t *testing.T) {
	t.Parallel()
	var a asker
	shared := resolve.NewRecorder(t.Context(), &a)
	const names, most = 1000, 250
	for range 3 {
		for from := 0; from < names; from += most {
			look := resolve.Bound(shared, most)
			for i := range most {
				if _, err := ofText(look, fmt.Sprintf("n%d.nl", from+i)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := ofText(look, "n0.nl"); from > 0 && !errors.Is(err, resolve.ErrTooMany) {
				t.Errorf("a look goes on by what is shared: %v", err)
			}
		}
	}
	for question, n := range a.asked {
		if n != 1 {
			t.Errorf("%s was asked %d times", question, n)
		}
	}
	if len(a.asked) != names {
		t.Errorf("%d questions", len(a.asked))
	}
}

// TestBoundElsewhere: what others have used up is not the fault of who is looked at.
func TestBoundElsewhere(t *testing.T) {
	t.Parallel()
	var a asker
	all := bound(t, &a, 1)
	ofText(all, "x.nl")
	for range 2 {
		_, err := ofText(resolve.Bound(all, 250), "y.nl")
		if unanswered := new(resolve.Error); errors.Is(err, resolve.ErrTooMany) || !errors.As(err, &unanswered) {
			t.Error(err)
		}
	}
}

// lavish answers with much, or more than that, and takes its time.
type lavish struct{ asked int }

func (l *lavish) Ask(_ context.Context, name string, _ uint16) (resolve.Answer, error) {
	l.asked++
	answer := resolve.Answer{Chain: []string{name}, Took: time.Second}
	if name == "large.nl" {
		return answer, &resolve.Error{Name: name, Type: "TXT", Cause: resolve.ErrTooLarge}
	}
	answer.Records = []dns.RR{&dns.TXT{Hdr: dns.RR_Header{Name: name + "."}, Txt: []string{strings.Repeat("a", 100<<10)}}}
	return answer, nil
}

// TestOctets: one judgement has about 1 MiB, and a Recorder keeps about 32; what is more is not
// asked, and no fault of those that are judged.
func TestOctets(t *testing.T) {
	t.Parallel()
	var world lavish
	look := bound(t, &world, 250)
	for i := range 20 {
		_, err := ofText(look, fmt.Sprintf("n%d.nl", i))
		if tooMany := errors.Is(err, resolve.ErrTooMany); tooMany != (i >= 11) {
			t.Errorf("%d: %v", i, err)
		}
	}
	world.asked = 0
	shared := resolve.NewRecorder(t.Context(), &world)
	for range 2 {
		for i := range 400 {
			_, err := ofText(shared, fmt.Sprintf("n%d.nl", i))
			if unanswered := errors.As(err, new(*resolve.Error)); unanswered != (i >= 327) || errors.Is(err, resolve.ErrTooMany) {
				t.Errorf("%d: %v", i, err)
			}
		}
	}
	if world.asked != 327 {
		t.Errorf("%d questions", world.asked)
	}
}

// TestRecordedTook: what is recorded took no time. An answer that is too large is one.
func TestRecordedTook(t *testing.T) {
	t.Parallel()
	m := bound(t, new(lavish), 250)
	for _, name := range []string{"x.nl", "large.nl"} {
		for _, want := range []time.Duration{time.Second, 0} {
			got, err := ofText(m, name)
			if got.Took != want || errors.Is(err, resolve.ErrTooLarge) != (name == "large.nl") {
				t.Error(got.Took, err)
			}
		}
	}
	if definitive, none := m.Answered(); definitive != 2 || none != 0 {
		t.Error(definitive, none)
	}
}

func TestBoundedConcurrent(t *testing.T) {
	t.Parallel()
	var a asker
	const most = 10
	m := bound(t, &a, most)
	var asking sync.WaitGroup
	for i := range 16 {
		asking.Go(func() {
			for j := range 100 {
				ofText(m, fmt.Sprintf("n%d.nl", (i+j)%20))
				m.Answered()
			}
		})
	}
	asking.Wait()
	for question, n := range a.asked {
		if n != 1 {
			t.Errorf("%s was asked %d times", question, n)
		}
	}
	if len(a.asked) != most {
		t.Errorf("%d questions", len(a.asked))
	}
}
