package daemon

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onbehalf/events"
	"onbehalf/milter"
	"onbehalf/store"
)

// TestLimit: 80 % is an event, once; again only when it had fallen below 60 %, and an hour later at
// the earliest. What comes near earlier is an event when the hour is over, if it is near then. A
// limit of nothing is none.
func TestLimit(t *testing.T) {
	var used, most int64 = 0, 1000
	l := &nearing{use: func() (int64, int64) { return used, most }}
	now := time.Now()
	for i, step := range []struct {
		used  int64
		after time.Duration
		news  bool
	}{
		{0, 0, false}, {799, 0, false}, {800, 0, true}, {1000, 0, false}, {700, 0, false}, {900, 2 * time.Hour, false},
		{599, 0, false}, {900, 0, true}, {599, 0, false}, {900, time.Minute, false}, {0, time.Hour, false}, {800, 0, true},
		{0, 0, false}, {950, time.Minute, false}, {950, 58 * time.Minute, false}, {950, time.Minute, true}, {950, 48 * time.Hour, false},
		{0, 0, false}, {800, 0, true}, {0, 0, false}, {800, time.Minute, false}, {700, time.Hour, false}, {800, 0, true},
	} {
		now = now.Add(step.after)
		used = step.used
		if _, _, news := l.look(now); news != step.news {
			t.Errorf("step %d, %d used: %v", i, step.used, news)
		}
	}
	most = 0
	if _, _, news := l.look(now.AddDate(1, 0, 0)); news {
		t.Error("an event about no limit")
	}
}

// TestSaving: that state is not saved is one event, and that it is again another one. The next two
// come an hour later at the earliest, however often the disk is full in between.
func TestSaving(t *testing.T) {
	now := time.Now()
	var s saving
	look := func(fails bool) string {
		h := store.Health{}
		if fails {
			h = store.Health{Problem: errors.New("the disk is full"), Since: now}
		}
		var types []events.Type
		for _, e := range s.look(h, now) {
			types = append(types, e.Type)
			if e.Data.Since.IsZero() || e.Data.Reason == "" {
				t.Errorf("%+v", e)
			}
		}
		return fmt.Sprint(types)
	}
	for i, step := range []struct {
		fails bool
		after time.Duration
		want  string
	}{
		{false, 0, "[]"}, {true, 0, "[store.failed]"}, {true, 2 * time.Hour, "[]"}, {false, 0, "[store.recovered]"}, {false, 0, "[]"},
		{true, time.Minute, "[]"}, {false, 0, "[]"}, {true, 58 * time.Minute, "[]"}, {true, time.Minute, "[store.failed]"},
		{false, 0, "[store.recovered]"}, {false, time.Hour, "[]"}, {true, 0, "[store.failed]"},
	} {
		now = now.Add(step.after)
		if got := look(step.fails); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
	sent := 0
	for i := range 24 * 60 * 60 {
		now = now.Add(time.Second)
		if look(i%2 == 0) != "[]" {
			sent++
		}
	}
	if sent < 2*23 || sent > 2*24+1 {
		t.Errorf("%d events about a disk that is full every other second for a day", sent)
	}
}

// slowStore says how it is after a while.
type slowStore struct {
	store.Store
	asked, said atomic.Int64
}

func (s *slowStore) Health() store.Health {
	s.asked.Add(1)
	time.Sleep(limitsEvery)
	s.said.Add(1)
	return store.Health{}
}

// TestWatchLimitsEnds: who has stopped it may close the store.
func TestWatchLimitsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := new(slowStore)
		d := &daemon{server: &milter.Server{Current: func() milter.Source { return nil }}, store: slow}
		d.notices = &notices{Outbox: new(events.Outbox), daemon: d}
		stop := d.watchLimits()
		time.Sleep(limitsEvery + limitsEvery/2)
		if slow.asked.Load() == 0 {
			t.Fatal("the store is not asked")
		}
		stop()
		if slow.said.Load() != slow.asked.Load() {
			t.Error("the store is still in use")
		}
	})
}

// TestDaily: each thing is there for the first time once a day of UTC, and so many things at most.
func TestDaily(t *testing.T) {
	d := daily{most: 2}
	noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for i, step := range []struct {
		what  string
		at    time.Time
		first bool
	}{
		{"a", noon, true}, {"a", noon.Add(11 * time.Hour), false}, {"b", noon, true}, {"c", noon, false},
		{"a", noon.Add(12 * time.Hour), true}, {"c", noon.Add(13 * time.Hour), true}, {"b", noon.Add(13 * time.Hour), false},
	} {
		if d.first(step.what, step.at) != step.first {
			t.Errorf("step %d: %s", i, step.what)
		}
	}
}
