package events

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.WriteHeader(code) }
}

// TestOrder: events of one tenant arrive in order, whatever fails in between, and over a restart;
// those of others do not wait for them.
func TestOrder(t *testing.T) {
	r := newReceiver(t)
	r.answer(func(got received) func(http.ResponseWriter) {
		if got.tenant == "a" {
			return status(http.StatusInternalServerError)
		}
		return nil
	})
	dir := t.TempDir()
	f := newFixture(t, dir, hook(t, r.URL))
	for i := range 5 {
		f.Notice(f.about("a", fmt.Sprintf("a%d", i)), f.about("b", fmt.Sprintf("b%d", i)))
	}
	f.deliver(t)
	f.pass(t, time.Minute, time.Second)
	if got := r.domains("b"); got != "b0 b1 b2 b3 b4" {
		t.Errorf("of b: %s", got)
	}
	if got := r.domains("a"); strings.Trim(got, "a0 ") != "" {
		t.Errorf("of a, of which none was taken: %s", got)
	}
	if s := f.of(t, "webhook"); s.Queued != 5 || s.Oldest.IsZero() {
		t.Errorf("%+v", s)
	}
	f.close(t)
	r.answer(nil)
	before := len(r.got())
	f = newFixture(t, dir, hook(t, r.URL))
	defer f.close(t)
	f.deliver(t)
	var after []string
	for _, one := range r.got()[before:] {
		after = append(after, one.domain)
	}
	if got := strings.Join(after, " "); got != "a0 a1 a2 a3 a4" {
		t.Errorf("after a restart: %s", got)
	}
}

// TestDeadLetters: what is never taken is given up after three days, or after one where the receiver
// says that it never will; then the next has its turn. It is counted, over a restart too.
func TestDeadLetters(t *testing.T) {
	for code, days := range map[int]int{500: 3, 302: 3, 404: 3, 400: 1, 410: 1} {
		r := newReceiver(t)
		r.answer(func(got received) func(http.ResponseWriter) {
			if got.domain == "first" {
				return status(code)
			}
			return nil
		})
		dir := t.TempDir()
		f := newFixture(t, dir, hook(t, r.URL))
		f.Notice(f.about("a", "first"), f.about("a", "second"))
		life := time.Duration(days) * 24 * time.Hour
		tries := f.pass(t, life-time.Minute, 10*time.Second)
		if s := f.of(t, "webhook"); s.Queued != 2 || s.Dead != 0 {
			t.Errorf("%d, before its time: %+v", code, s)
		}
		if tries < 20*days || tries > 40*days {
			t.Errorf("%d: %d tries in %d days", code, tries, days)
		}
		f.pass(t, 2*time.Hour, time.Minute)
		if s := f.of(t, "webhook"); s.Queued != 0 || s.Dead != 1 || !strings.Contains(s.Cause, fmt.Sprint(code)) {
			t.Errorf("%d, after it: %+v", code, s)
		}
		if got := r.domains(""); !strings.HasSuffix(got, "first second") {
			t.Errorf("%d: the other one has not arrived", code)
		}
		if !strings.Contains(f.log.String(), "an event was given up") {
			t.Errorf("logged:\n%s", f.log)
		}
		f.close(t)
		f = newFixture(t, dir, hook(t, r.URL))
		if s := f.of(t, "webhook"); s.Dead != 1 {
			t.Errorf("%d, after a restart: %+v", code, s)
		}
		f.close(t)
	}
}

// TestClockAhead: a clock that jumps gives up nothing that was hardly tried.
func TestClockAhead(t *testing.T) {
	r := newReceiver(t)
	r.always(http.StatusInternalServerError, "")
	f := newFixture(t, t.TempDir(), hook(t, r.URL))
	defer f.close(t)
	f.Notice(f.about("a", "a"))
	f.deliver(t)
	f.clock = f.clock.AddDate(1, 0, 0)
	f.deliver(t)
	if s := f.of(t, "webhook"); s.Queued != 1 || s.Dead != 0 {
		t.Errorf("%+v", s)
	}
}

// TestPause: a receiver that asks for time gets it, for all tenants.
func TestPause(t *testing.T) {
	r := newReceiver(t)
	r.always(http.StatusTooManyRequests, "slow down", "Retry-After", "600")
	f := newFixture(t, t.TempDir(), hook(t, r.URL))
	defer f.close(t)
	for i := range 10 {
		f.Notice(f.about(fmt.Sprint("t", i), fmt.Sprint("t", i)))
	}
	f.deliver(t)
	if s := f.of(t, "webhook"); len(r.got()) != 1 || s.Paused.IsZero() || s.Queued != 10 {
		t.Errorf("%d arrived; %+v", len(r.got()), s)
	}
	r.answer(nil)
	if f.pass(t, 595*time.Second, 5*time.Second); len(r.got()) != 1 {
		t.Errorf("%d arrived before it was time", len(r.got()))
	}
	f.pass(t, 10*time.Second, 5*time.Second)
	if s := f.of(t, "webhook"); len(r.got()) != 11 || s.Queued != 0 || !s.Paused.IsZero() {
		t.Errorf("%d arrived; %+v", len(r.got()), s)
	}
}

// TestBounds: what waits is bounded for each tenant and for all; what is dropped is counted and
// said. One tenant's flood leaves room for others. What is kept beside is bounded as well.
func TestBounds(t *testing.T) {
	r := newReceiver(t)
	r.always(http.StatusInternalServerError, "")
	dir := t.TempDir()
	f := newFixture(t, dir, hook(t, r.URL))
	for i := range maxOfTenant + 500 {
		f.Notice(f.about("flood", fmt.Sprint(i)))
	}
	f.Notice(f.about("other", "other"))
	if s := f.of(t, "webhook"); s.Queued != maxOfTenant+1 || s.Dropped != 500 || s.Cause == "" {
		t.Errorf("%+v", s)
	}
	for i := range maxQueued {
		f.Notice(f.about(fmt.Sprint("t", i), "x"))
	}
	if s := f.of(t, "webhook"); s.Queued != maxQueued || s.Dropped != 500+maxOfTenant+1 {
		t.Errorf("%+v", s)
	}
	if n := strings.Count(f.log.String(), "events are dropped"); n != 1 {
		t.Errorf("%d lines say so", n)
	}
	f.close(t)
	r.answer(nil)
	f = newFixture(t, dir, hook(t, r.URL))
	defer f.close(t)
	if s := f.of(t, "webhook"); s.Queued != maxQueued || s.Dropped != 500+maxOfTenant+1 {
		t.Errorf("after a restart: %+v", s)
	}
	f.deliver(t)
	if s := f.of(t, "webhook"); s.Queued != 0 {
		t.Errorf("at the end: %+v", s)
	}
	for i := range 2 * keptEvents {
		f.Notice(f.about("late", fmt.Sprint(i)))
		f.deliver(t)
	}
	page, err := f.List("", 100_000)
	if n := len(page.Events); err != nil || n < keptEvents || n > keptEvents+200 {
		t.Errorf("%d are kept, %v", n, err)
	}
	if len(f.pending) != 0 {
		t.Errorf("%d are pending", len(f.pending))
	}
}

// TestSinkGone: what waits for a receiver that is no longer configured is dropped, counted, and
// does not come back; the events stay to be seen.
func TestSinkGone(t *testing.T) {
	r := newReceiver(t)
	r.always(http.StatusInternalServerError, "")
	dir := t.TempDir()
	f := newFixture(t, dir, hook(t, r.URL))
	f.Notice(f.about("a", "1"), f.about("a", "2"), f.about("b", "3"))
	f.deliver(t)
	f.Use()
	if s := f.Status(); len(s) != 0 {
		t.Errorf("%+v", s)
	}
	f.close(t)
	f = newFixture(t, dir, hook(t, r.URL))
	defer f.close(t)
	if s := f.of(t, "webhook"); s.Queued != 0 || s.Dropped != 3 {
		t.Errorf("%+v", s)
	}
	if page, err := f.List("", 10); err != nil || len(page.Events) != 3 {
		t.Errorf("%d events, %v", len(page.Events), err)
	}
}

// TestList: pages are in order, follow each other, and what was cut is cut between characters.
func TestList(t *testing.T) {
	f := newFixture(t, t.TempDir())
	defer f.close(t)
	if page, err := f.List("", 5); err != nil || len(page.Events) != 0 {
		t.Errorf("%+v, %v", page, err)
	}
	first, _ := f.List("", 5)
	for i := range 7 {
		f.Notice(f.about("a", fmt.Sprint(i)))
	}
	domains := func(p Page) (all []string) {
		for _, e := range p.Events {
			all = append(all, e.Data.Domain)
		}
		return all
	}
	if page, err := f.List("", 5); err != nil || !slices.Equal(domains(page), []string{"2", "3", "4", "5", "6"}) {
		t.Errorf("the last: %q, %v", domains(page), err)
	}
	var all []string
	for place := first.Last; ; {
		page, err := f.List(place, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Events) == 0 {
			if page.Last != place {
				t.Errorf("an empty page leads from %s to %s", place, page.Last)
			}
			break
		}
		all, place = append(all, domains(page)...), page.Last
	}
	if len(all) != 7 || !slices.IsSorted(all) {
		t.Errorf("page by page: %q", all)
	}
	for _, place := range []string{"x", "0", strings.Repeat("z", 16), strings.Repeat("0", 17)} {
		if _, err := f.List(place, 3); err != ErrPage {
			t.Errorf("%q: %v", place, err)
		}
	}
	f.Notice(f.about("long", strings.Repeat("é", 100_000)))
	page, err := f.List("", 1)
	if err != nil || !strings.HasSuffix(page.Events[0].Data.Domain, "é...") || len(page.Events[0].Data.Domain) > maxText+3 {
		t.Errorf("%v: %d bytes", err, len(page.Events[0].Data.Domain))
	}
}

// TestRun: events arrive by themselves, side by side but each tenant's in order, and Run ends.
func TestRun(t *testing.T) {
	r := newReceiver(t)
	f := newFixture(t, t.TempDir(), hook(t, r.URL))
	defer f.close(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); f.Run(ctx) }()
	for i := range 20 {
		f.Notice(f.about("a", fmt.Sprintf("%02d", i)), f.about("b", fmt.Sprintf("%02d", i)))
	}
	for deadline := time.Now().Add(10 * time.Second); len(r.got()) < 40 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	for _, tenant := range []string{"a", "b"} {
		if got := strings.Fields(r.domains(tenant)); len(got) != 20 || !slices.IsSorted(got) {
			t.Errorf("of %s: %q", tenant, got)
		}
	}
	cancel()
	<-ended
}

// TestTry: a test goes past what waits, and is not kept.
func TestTry(t *testing.T) {
	r := newReceiver(t)
	r.always(http.StatusForbidden, "who are you?")
	f := newFixture(t, t.TempDir(), hook(t, r.URL+"/secret-path"), NewCommand([]string{"/bin/cat"}))
	defer f.close(t)
	tried := f.Try(t.Context())
	if len(tried) != 2 || tried[0].Sink != "command" || !tried[0].OK || tried[1].OK || tried[1].Answer != "HTTP 403 Forbidden: who are you?" || strings.Contains(tried[1].Target, "secret") {
		t.Errorf("%+v", tried)
	}
	if page, err := f.List("", 10); err != nil || len(page.Events) != 0 {
		t.Errorf("%+v, %v", page, err)
	}
}
