package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"onbehalf/authorize/watch"
	"onbehalf/clock"
	"onbehalf/counters"
	"onbehalf/events"
	"onbehalf/store"
	"onbehalf/tenant"
)

// recording is a recorder, and its store in a folder.
type recording struct {
	*recorder
	t    *testing.T
	file *store.File
	dir  string
	conf *Generation
}

func newRecording(t *testing.T, ids ...string) recording {
	t.Helper()
	first, file, dir := newRecorder(t)
	r := recording{first, t, file, dir, testGeneration()}
	file.SetRefill(r.refill)
	for _, id := range ids {
		r.conf.Tenants = append(r.conf.Tenants, &tenant.Tenant{ID: id})
	}
	r.compared("")
	return r
}

// rename gives all tenants another name.
func (r recording) rename(name string) {
	r.conf.Tenants = slices.Clone(r.conf.Tenants)
	for i, before := range r.conf.Tenants {
		next := *before
		next.Name = name
		r.conf.Tenants[i] = &next
	}
}

// compared compares the configuration, of which so much must then be recorded, and saves.
func (r recording) compared(want string) {
	r.t.Helper()
	began := time.Now()
	if err := r.compare(r.t.Context(), r.conf, began, func() {}); err != nil {
		r.t.Error(err)
	}
	page, _, err := r.List(store.Query{All: true, Since: began, Limit: 100})
	if err != nil {
		r.t.Error(err)
	}
	var got []string
	for _, e := range page {
		got = append(got, fmt.Sprintf("%s %s>%s", e.Tenant, e.Subject, e.After))
	}
	slices.Sort(got)
	if text := strings.Join(got, ", "); text != want {
		r.t.Errorf("recorded %q, want %q", text, want)
	}
	if err := r.file.Sync(); err != nil {
		r.t.Error(err)
	}
}

// TestHistoryAfterDamage: when the state was set aside in use, what changes from then on is recorded
// as before, what is the same is not, and the first mail of a tenant is not recorded again.
func TestHistoryAfterDamage(t *testing.T) {
	r := newRecording(t, "a", "b")
	r.mail("a")
	r.rename("one")
	r.compared("a name>one, b name>one")
	if err := os.Truncate(store.Path(r.dir), 8192); err != nil {
		t.Fatal(err)
	}
	r.rename("meanwhile")
	if err := r.compare(t.Context(), r.conf, time.Now(), func() {}); err != nil {
		t.Error(err)
	}
	select {
	case <-r.configured:
	case <-time.After(20 * time.Second):
		t.Fatalf("nothing was asked for: %+v", r.file.Health())
	}
	r.compared("") // it is known
	r.compared("")
	for _, id := range []string{"a", "b"} { // was recorded while nothing could be saved
		if page, _, err := r.List(store.Query{Tenant: id, Limit: 1}); err != nil || len(page) != 1 || page[0].After != "meanwhile" {
			t.Errorf("of %s, the last is %+v, %v", id, page, err)
		}
		if text, _, err := r.file.Get(store.BucketProfiles, id); err != nil || !strings.Contains(string(text), "meanwhile") {
			t.Errorf("the profile of %s is %q, %v", id, text, err)
		}
	}
	r.rename("two")
	r.compared("a name>two, b name>two")
	r.conf.Tenants = r.conf.Tenants[:1]
	r.compared("b tenant>removed")
	if _, found, err := r.file.Get(store.BucketMarks, markMail+"a"); err != nil || !found {
		t.Errorf("that the first mail is recorded is not known any more: %v", err)
	}
}

// TestEventsAfterDamage: when the state was set aside in use, the events that wait are written
// again with all else.
func TestEventsAfterDamage(t *testing.T) {
	r := newRecording(t)
	log := slog.New(slog.DiscardHandler)
	outbox, err := events.Open(r.file, log)
	if err != nil {
		t.Fatal(err)
	}
	outbox.Use(events.NewCommand([]string{"/bin/true"}))
	outbox.Notice(events.NewReloadRefused(time.Now(), "it was truncated"))
	d := &daemon{recorder: r.recorder, store: r.file, clock: clock.New(time.Now()), log: log, counters: counters.New(r.file, log, nil),
		watcher: watch.New(log), notices: &notices{Outbox: outbox}}
	d.watcher.Save = d.saveStandings
	page, err := outbox.List("", 10)
	if err != nil || len(page.Events) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	for _, b := range []store.Bucket{store.BucketEvents, store.BucketDeliveries} {
		var keys []store.Change
		r.file.Walk(b, store.Range{}, func(key string, _ []byte) bool {
			keys = append(keys, store.Change{Bucket: b, Key: key, Delete: true})
			return true
		})
		r.file.Write(keys...)
	}
	d.saveAll()
	if again, err := outbox.List("", 10); err != nil || len(again.Events) != 1 || again.Events[0].ID != page.Events[0].ID {
		t.Errorf("%+v, %v", again, err)
	}
	next, err := events.Open(r.file, log)
	if err != nil {
		t.Fatal(err)
	}
	next.Use(events.NewCommand([]string{"/bin/true"}))
	if s := next.Status(); len(s) != 1 || s[0].Queued != 1 {
		t.Errorf("%+v", s)
	}
}

// TestPruneInSteps: much old history goes in steps, and between two of them the daemon does what else
// is to be done.
func TestPruneInSteps(t *testing.T) {
	r := newRecording(t)
	log := slog.New(slog.DiscardHandler)
	d := &daemon{recorder: r.recorder, clock: clock.New(time.Now()), log: log, counters: counters.New(r.file, log, nil)}
	if next := d.prune(); next != pruneEvery {
		t.Errorf("without a configuration, after %v", next)
	}
	r.conf.HistoryKeep = 24 * time.Hour
	d.current.Store(r.conf)
	for range 2500 {
		r.Record(store.Entry{At: time.Now().Add(-48 * time.Hour), Tenant: "a"})
	}
	for step, want := range []time.Duration{pruneNext, pruneNext, pruneEvery} {
		if next := d.prune(); next != want {
			t.Errorf("after step %d: %v, want %v", step, next, want)
		}
	}
	if page, _, err := r.List(store.Query{Tenant: "a", Limit: 1}); err != nil || len(page) > 0 {
		t.Errorf("left: %v, %v", page, err)
	}
}

// TestUnreadableProfile: a profile that cannot be read, or is gone, says nothing about its tenant at
// the next start, and costs the others nothing. While the daemon runs it is known what was there.
func TestUnreadableProfile(t *testing.T) {
	for _, harm := range []store.Change{{Value: []byte("{")}, {Value: []byte("[]")}, {Value: []byte{}}, {Delete: true}} {
		r := newRecording(t, "a", "b", "c")
		harm.Bucket, harm.Key = store.BucketProfiles, "b"
		r.file.Write(harm)
		r.rename("one")
		r.compared("a name>one, b name>one, c name>one")
		r.rename("two")
		r.compared("a name>two, b name>two, c name>two")

		r.file.Write(harm)
		r.before = nil // as after a restart
		r.rename("three")
		want := "a name>three, c name>three"
		if harm.Delete {
			want = "a name>three, b tenant>configured, c name>three"
		}
		r.compared(want)
		r.rename("four")
		r.compared("a name>four, b name>four, c name>four")
	}
}
