package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

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
