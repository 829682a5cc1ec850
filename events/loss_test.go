package events

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"onbehalf/store"
)

// TestStateReplaced: when the state file is set aside in use, what waits is delivered all the same,
// and is in the new file too.
func TestStateReplaced(t *testing.T) {
	r := newReceiver(t)
	r.always(http.StatusInternalServerError, "")
	dir := t.TempDir()
	f := newFixture(t, dir, hook(t, r.URL))
	f.Notice(f.about("a", "a1"), f.about("a", "a2"), f.about("b", "b1"))
	f.close(t)
	f = newFixture(t, dir, hook(t, r.URL)) // what an earlier run has left counts as well
	f.Notice(f.about("a", "a3"))
	f.tallied()
	f.deliver(t)
	if err := f.store.Sync(); err != nil {
		t.Fatal(err)
	}
	refilled := make(chan struct{})
	f.store.SetRefill(func() { f.SaveAgain(); close(refilled) })
	if err := os.Truncate(store.Path(dir), 8192); err != nil {
		t.Fatal(err)
	}
	if _, err := f.List("", 10); err == nil {
		t.Error("what is damaged can be read")
	}
	select {
	case <-refilled:
	case <-time.After(20 * time.Second):
		t.Fatalf("nothing was asked for: %+v", f.store.Health())
	}
	f.close(t)
	before := len(r.got())
	r.answer(nil)
	f = newFixture(t, dir, hook(t, r.URL))
	defer f.close(t)
	if page, err := f.List("", 10); err != nil || len(page.Events) != 4 {
		t.Errorf("%d events, %v", len(page.Events), err)
	}
	f.deliver(t)
	if s := f.of(t, "webhook"); s.Queued != 0 || s.Dropped != 7 || len(r.got())-before != 4 {
		t.Errorf("%d arrived; %+v", len(r.got())-before, s)
	}
	if got := r.domains("a"); !strings.HasSuffix(got, "a1 a2 a3") {
		t.Errorf("of a: %s", got)
	}
	if len(f.bodies.of) != 0 || f.bodies.size != 0 {
		t.Errorf("%d bodies of %d bytes are kept", len(f.bodies.of), f.bodies.size)
	}
}

// tallied has seven events dropped.
func (f *fixture) tallied() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(f.line("webhook"), 7, "of this test")
}

// TestBodyLost: an event that nobody has any more is dropped, counted and logged once; it says
// nothing of the receiver.
func TestBodyLost(t *testing.T) {
	r := newReceiver(t)
	r.always(http.StatusInternalServerError, "")
	f := newFixture(t, t.TempDir(), hook(t, r.URL))
	defer f.close(t)
	f.Notice(f.about("a", "a1"), f.about("a", "a2"), f.about("b", "b1"))
	f.deliver(t)
	for _, number := range f.kept {
		f.bodies.forget(number)
		f.store.Write(forget(number))
	}
	before := len(r.got())
	f.pass(t, time.Minute, time.Second)
	if s := f.of(t, "webhook"); s.Queued != 0 || s.Dropped != 3 || !strings.Contains(s.Cause, "state file") || s.Problem == "" || len(r.got()) != before {
		t.Errorf("%+v", s)
	}
	if log := f.log.String(); strings.Contains(log, "delivered again") || strings.Count(log, "events are dropped") != 1 {
		t.Errorf("logged:\n%s", log)
	}
}

// TestBodiesAreBounded: no more than so many bytes are kept in memory.
func TestBodiesAreBounded(t *testing.T) {
	b := bodies{of: make(map[uint64][]byte)}
	for number := range uint64(10) {
		b.keep(number, make([]byte, maxBodies/4))
	}
	if len(b.of) != 4 || b.size != maxBodies {
		t.Errorf("%d of %d bytes", len(b.of), b.size)
	}
	b.forget(9)
	b.forget(1)
	if len(b.of) != 3 || b.size != maxBodies/4*3 {
		t.Errorf("then %d of %d bytes", len(b.of), b.size)
	}
}

// TestNewReceiver: another URL or command inherits no pause, no wait and no problem; the same one
// does.
func TestNewReceiver(t *testing.T) {
	r, other := newReceiver(t), newReceiver(t)
	r.always(http.StatusServiceUnavailable, "", "Retry-After", "80000")
	f := newFixture(t, t.TempDir(), hook(t, r.URL))
	defer f.close(t)
	f.Notice(f.about("a", "a1"), f.about("b", "b1"))
	f.deliver(t)
	f.Use(hook(t, r.URL))
	if f.pass(t, 5*time.Hour, time.Hour); len(r.got()) != 1 {
		t.Errorf("%d arrived in the pause", len(r.got()))
	}
	if s := f.of(t, "webhook"); s.Paused.IsZero() || s.Problem == "" {
		t.Errorf("the same one: %+v", s)
	}
	f.Use(hook(t, other.URL))
	if s := f.of(t, "webhook"); !s.Paused.IsZero() || s.Problem != "" || !s.Since.IsZero() {
		t.Errorf("another one: %+v", s)
	}
	if f.deliver(t); len(other.got()) != 2 {
		t.Errorf("%d arrived", len(other.got()))
	}

	for _, argv := range [][]string{{"/bin/false"}, {"/bin/false", "x"}} {
		f.Use(NewCommand(argv))
		f.Notice(f.about("a", "a2"))
		if tries := f.deliver(t); tries == 0 {
			t.Errorf("%q is not tried at once", argv)
		}
		f.Use(NewCommand(argv))
		if tries := f.deliver(t); tries != 0 {
			t.Errorf("%q is tried at once after a reload", argv)
		}
	}
}

// swapping is a sink that is replaced while it answers.
type swapping struct {
	*Webhook
	swap   func()
	answer Answer
}

func (s swapping) Send(context.Context, Event, []byte) Answer { s.swap(); return s.answer }

// TestReplacedMeanwhile: a late answer of the receiver before is no reason for the new one to wait.
func TestReplacedMeanwhile(t *testing.T) {
	r := newReceiver(t)
	refused := Answer{Text: "no", Pause: time.Hour}
	f := newFixture(t, t.TempDir())
	defer f.close(t)
	f.Use(swapping{hook(t, "http://127.0.0.1:9/a"), func() { f.Use(hook(t, r.URL)) }, refused})
	f.Notice(f.about("a", "a1"))
	f.deliver(t)
	if s := f.of(t, "webhook"); len(r.got()) != 1 || s.Queued != 0 || s.Problem != "" || !s.Paused.IsZero() {
		t.Errorf("%d arrived; %+v", len(r.got()), s)
	}
	f.Use(swapping{hook(t, "http://127.0.0.1:9/a"), func() { f.Use() }, refused})
	f.Notice(f.about("a", "a2"))
	f.deliver(t)
	f.Use(hook(t, r.URL))
	if s := f.of(t, "webhook"); s.Queued != 0 || s.Dropped != 1 {
		t.Errorf("after one that is gone: %+v", s)
	}
}

// TestDroppedAfterReturn: a sink that was removed and is there again logs what it drops once more.
func TestDroppedAfterReturn(t *testing.T) {
	r := newReceiver(t)
	r.always(http.StatusInternalServerError, "")
	f := newFixture(t, t.TempDir(), hook(t, r.URL))
	defer f.close(t)
	f.Notice(f.about("a", "1"))
	f.Use()
	f.Use(hook(t, r.URL))
	f.log.Reset()
	for range maxOfTenant + 201 {
		f.Notice(f.about("a", "x"))
	}
	if n := strings.Count(f.log.String(), "events are dropped"); n != 1 {
		t.Errorf("%d lines say so", n)
	}
}
