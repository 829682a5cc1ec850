package daemon

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"onbehalf/events"
	"onbehalf/store"
)

// TestLimit: 80 % is an event, once; again only when it had fallen below 60 %, and an hour later at
// the earliest. A limit of nothing is none.
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

// TestSaving: that state is not saved is one event, and that it is again another one.
func TestSaving(t *testing.T) {
	now := time.Now()
	var s saving
	failing := store.Health{Problem: errors.New("the disk is full"), Since: now.Add(-time.Minute)}
	var types []events.Type
	for _, h := range []store.Health{{}, failing, failing, {}, {}, failing} {
		for _, e := range s.look(h, now) {
			types = append(types, e.Type)
			if e.Data.Since.IsZero() || e.Data.Reason == "" {
				t.Errorf("%+v", e)
			}
		}
	}
	if got := fmt.Sprint(types); got != "[store.failed store.recovered store.failed]" {
		t.Error(got)
	}
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
