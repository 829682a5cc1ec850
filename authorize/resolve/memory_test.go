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

func TestMemory(t *testing.T) {
	t.Parallel()
	var a asker
	m := resolve.Remember(&a, 4)
	for range 2 {
		for _, name := range []string{"x.nl", "X.NL.", "x.nl."} {
			if got, err := ask(m, name); err != nil || got.Target() != "x.nl" || !got.NoName {
				t.Error(got, err)
			}
		}
		if _, err := m.Ask(context.Background(), "x.nl", dns.TypeMX); err != nil {
			t.Error(err)
		}
		if _, err := ask(m, "silent.nl"); !errors.Is(err, errSilent) {
			t.Error(err)
		}
		if _, err := ask(m, "a@x.nl"); err != nil {
			t.Error(err)
		}
		if _, err := ask(m, `a\@x.nl`); err != nil {
			t.Error(err)
		}
	}
	if got := fmt.Sprint(a.asked); got != `map[a\@x.nl TXT:1 silent.nl TXT:1 x.nl MX:1 x.nl TXT:1]` {
		t.Error(got)
	}

	for range 2 {
		got, err := ask(m, "One.more.nl")
		var unanswered *resolve.Error
		if !errors.Is(err, resolve.ErrTooMany) || !errors.As(err, &unanswered) || got.Target() != "one.more.nl" || got.NoName {
			t.Error(got, err)
		}
	}
	if _, err := ask(m, "x.nl"); err != nil {
		t.Errorf("what was known is not any more: %v", err)
	}
	if definitive, none := m.Answered(); definitive != 3 || none != 1 {
		t.Error(definitive, none)
	}
	if len(a.asked) != 4 {
		t.Error(a.asked)
	}
}

// TestShare has looks share what was asked. Each still counts all its questions.
func TestShare(t *testing.T) {
	t.Parallel()
	var a asker
	shared := resolve.Share(&a)
	const names, most = 1000, 250
	for range 3 {
		for from := 0; from < names; from += most {
			look := resolve.Remember(shared, most)
			for i := range most {
				if _, err := ask(look, fmt.Sprintf("n%d.nl", from+i)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := ask(look, "n0.nl"); from > 0 && !errors.Is(err, resolve.ErrTooMany) {
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
	all := resolve.Remember(&a, 1)
	ask(all, "x.nl")
	for range 2 {
		_, err := ask(resolve.Remember(all, 250), "y.nl")
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

// TestMemoryOctets: one look holds about 1 MiB; what is shared is asked again when it gets too
// much.
func TestMemoryOctets(t *testing.T) {
	t.Parallel()
	var world lavish
	look := resolve.Remember(&world, 250)
	for i := range 20 {
		_, err := ask(look, fmt.Sprintf("n%d.nl", i))
		if tooMany := errors.Is(err, resolve.ErrTooMany); tooMany != (i >= 11) {
			t.Errorf("%d: %v", i, err)
		}
	}
	world.asked = 0
	shared := resolve.Share(&world)
	for range 2 {
		for i := range 400 {
			if _, err := ask(shared, fmt.Sprintf("n%d.nl", i)); err != nil {
				t.Error(err)
			}
		}
	}
	if world.asked < 450 || world.asked > 500 {
		t.Errorf("%d questions", world.asked)
	}
}

// TestMemoryTook: what is remembered took no time. An answer that is too large is one.
func TestMemoryTook(t *testing.T) {
	t.Parallel()
	m := resolve.Remember(new(lavish), 250)
	for _, name := range []string{"x.nl", "large.nl"} {
		for _, want := range []time.Duration{time.Second, 0} {
			got, err := ask(m, name)
			if got.Took != want || errors.Is(err, resolve.ErrTooLarge) != (name == "large.nl") {
				t.Error(got.Took, err)
			}
		}
	}
	if definitive, none := m.Answered(); definitive != 2 || none != 0 {
		t.Error(definitive, none)
	}
}

func TestMemoryConcurrent(t *testing.T) {
	t.Parallel()
	var a asker
	const most = 10
	m := resolve.Remember(&a, most)
	var asking sync.WaitGroup
	for i := range 16 {
		asking.Go(func() {
			for j := range 100 {
				ask(m, fmt.Sprintf("n%d.nl", (i+j)%20))
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
