package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// pages returns all of a query, page by page, as texts.
func pages(t *testing.T, h *History, q Query) (texts []string) {
	t.Helper()
	for {
		page, next, err := h.List(q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > q.Limit {
			t.Errorf("a page of %d entries, limit %d", len(page), q.Limit)
		}
		for _, e := range page {
			texts = append(texts, e.Text)
		}
		if q.Before = next; next == "" {
			return texts
		}
	}
}

func openHistory(t *testing.T, dir string) (*File, *History) {
	t.Helper()
	f, _ := opened(t, dir)
	h, err := OpenHistory(f)
	if err != nil {
		t.Fatal(err)
	}
	return f, h
}

// TestHistory: each question gets its entries, the latest first, on pages of any size, before and
// after a restart.
func TestHistory(t *testing.T) {
	dir := t.TempDir()
	f, h := openHistory(t, dir)
	want := map[string][]string{}
	for i := range 60 {
		id := []string{"a", "a-b", "b", ""}[i%4]
		text := fmt.Sprint(i)
		h.Record(Entry{At: noon.Add(time.Duration(i/2) * time.Hour), Kind: KindStanding, Tenant: id, Text: text}) // two at a time
		want[id], want["all"] = append(want[id], text), append(want["all"], text)
	}
	for id := range want {
		slices.Reverse(want[id])
	}
	for range 2 {
		for id, texts := range want {
			for _, limit := range []int{1, 4, 15, 60, 100} {
				if got := pages(t, h, Query{Tenant: id, All: id == "all", Limit: limit}); !slices.Equal(got, texts) {
					t.Errorf("%q, %d on a page: %q, want %q", id, limit, got, texts)
				}
			}
		}
		if got := pages(t, h, Query{All: true, Since: noon.Add(28 * time.Hour), Limit: 3}); !slices.Equal(got, []string{"59", "58", "57", "56"}) {
			t.Errorf("the last hours: %q", got)
		}
		if got := pages(t, h, Query{Tenant: "nobody", Limit: 3}); len(got) != 0 {
			t.Errorf("of nobody: %q", got)
		}
		closed(t, f)
		f, h = openHistory(t, dir)
	}
	for _, before := range []string{"x", "00", strings.Repeat("0", 18)} {
		if _, _, err := h.List(Query{All: true, Before: before}); !errors.Is(err, ErrPage) {
			t.Errorf("page %q: %v", before, err)
		}
	}
	closed(t, f)
}

// TestHistoryKeepsOrder: entries stay in the order in which they were recorded, also when the clock is
// set back, over a restart too; and who asks for the last hour gets what is of the last hour.
func TestHistoryKeepsOrder(t *testing.T) {
	dir := t.TempDir()
	f, h := openHistory(t, dir)
	h.Record(Entry{At: noon.AddDate(1, 0, 0), Text: "ahead"}, Entry{At: noon, Text: "right"})
	closed(t, f)
	f, h = openHistory(t, dir)
	h.Record(Entry{At: noon.Add(time.Hour), Text: "after a restart"})
	if got := pages(t, h, Query{All: true, Limit: 10}); !slices.Equal(got, []string{"after a restart", "right", "ahead"}) {
		t.Errorf("%q", got)
	}
	if got := pages(t, h, Query{All: true, Since: noon.Add(time.Minute), Limit: 10}); !slices.Equal(got, []string{"after a restart", "ahead"}) {
		t.Errorf("since a minute past noon: %q", got)
	}
	closed(t, f)
}

// TestPrune: what is old goes, step by step, with all that leads to it; and one tenant that changes
// all the time keeps its last entries, and drives out nobody else's.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	f, h := openHistory(t, dir)
	for i := range 2500 {
		h.Record(Entry{At: noon.Add(time.Duration(i) * time.Minute), Tenant: "old"})
	}
	later := noon.AddDate(1, 0, 0)
	h.Record(Entry{At: later, Tenant: "quiet", Text: "quiet"})
	for i := range maxOfTenant + 1500 {
		h.Record(Entry{At: later.Add(time.Duration(i) * time.Second), Tenant: "busy", Text: fmt.Sprint(i)})
	}
	closed(t, f)
	f, h = openHistory(t, dir)
	h.Record(Entry{At: later.AddDate(0, 1, 0), Tenant: "busy", Text: "last"})
	steps := 0
	for more := true; more; steps++ {
		var err error
		if more, err = h.Prune(noon.AddDate(0, 6, 0)); err != nil {
			t.Fatal(err)
		}
		if steps > 10 {
			t.Fatal("it does not end")
		}
	}
	if steps < 3 {
		t.Errorf("all went in %d steps", steps)
	}
	if got := pages(t, h, Query{Tenant: "old", Limit: 10}); len(got) != 0 {
		t.Errorf("%d old ones are left", len(got))
	}
	if got := pages(t, h, Query{Tenant: "quiet", Limit: 10}); len(got) != 1 {
		t.Errorf("of the quiet one: %q", got)
	}
	got := pages(t, h, Query{Tenant: "busy", Limit: 1000})
	if len(got) != maxOfTenant || got[0] != "last" || got[len(got)-1] != "1501" {
		t.Errorf("of the busy one: %d, from %q to %q", len(got), got[0], got[len(got)-1])
	}
	closed(t, f)
	f, h = openHistory(t, dir)
	if all := len(pages(t, h, Query{All: true, Limit: 1000})); all != maxOfTenant+1 {
		t.Errorf("%d are left after a restart", all)
	}
	if keys := walked(t, f, BucketByTenant, Range{}); len(keys) != maxOfTenant+1 {
		t.Errorf("%d keys lead to them", len(keys))
	}
	closed(t, f)
}

// TestPruneAfterLoss: after the store has lost entries, pruning comes to an end, deletes none of those
// that are left, and later those that are too many.
func TestPruneAfterLoss(t *testing.T) {
	f, h := openHistory(t, t.TempDir())
	defer closed(t, f)
	record := func(entries int) {
		for range entries {
			h.Record(Entry{At: noon, Tenant: "busy"})
		}
	}
	pruned := func() (left int) {
		t.Helper()
		for range 5 {
			if more, err := h.Prune(noon.AddDate(-1, 0, 0)); err != nil {
				t.Fatal(err)
			} else if !more {
				return len(pages(t, h, Query{Tenant: "busy", Limit: 1000}))
			}
		}
		t.Fatal("it does not end")
		return 0
	}
	record(maxOfTenant + 2*pruneStep)
	for _, b := range []Bucket{BucketHistory, BucketByTenant} {
		for _, key := range keysIn(t, f, b) {
			f.Write(Change{Bucket: b, Key: key, Delete: true})
		}
	}
	record(3 * pruneStep)
	if left := pruned(); left != 3*pruneStep {
		t.Errorf("%d are left", left)
	}
	record(maxOfTenant)
	if left := pruned(); left != maxOfTenant {
		t.Errorf("of too many, %d are left", left)
	}
}

// TestPruneUnreadable: entries that cannot be read go with those of their time.
func TestPruneUnreadable(t *testing.T) {
	f, h := openHistory(t, t.TempDir())
	defer closed(t, f)
	for i := range 2*pruneStep + 1 {
		f.Write(Change{Bucket: BucketHistory, Key: keyOf(nanoseconds(noon) + uint64(i)), Value: []byte("{")})
	}
	h.Record(Entry{At: noon.AddDate(2, 0, 0), Tenant: "a"})
	for range 4 {
		if more, err := h.Prune(noon.AddDate(1, 0, 0)); err != nil {
			t.Fatal(err)
		} else if !more {
			break
		}
	}
	if keys := keysIn(t, f, BucketHistory); len(keys) != 1 {
		t.Errorf("%d are left", len(keys))
	}
}

func keysIn(t *testing.T, f *File, b Bucket) (keys []string) {
	t.Helper()
	if err := f.Walk(b, Range{}, func(key string, _ []byte) bool { keys = append(keys, key); return true }); err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestLongEntries: what strangers write into DNS does not fill the state.
func TestLongEntries(t *testing.T) {
	f, h := openHistory(t, t.TempDir())
	h.Record(Entry{At: noon, Text: strings.Repeat("é", 1<<20)}, Entry{At: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), Text: "no time"})
	got := pages(t, h, Query{All: true, Limit: 10})
	if len(got) != 1 || len(got[0]) > maxText+3 || !strings.HasSuffix(got[0], "é...") {
		t.Errorf("%d entries", len(got))
	}
	closed(t, f)
}
