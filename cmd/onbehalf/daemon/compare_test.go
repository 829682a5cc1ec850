package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"onbehalf/store"
	"onbehalf/tenant"
)

// TestEachChangeOnce has tenants come, go, move and change at random, in reloads and restarts: each
// change is recorded once, and nothing else.
func TestEachChangeOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	r := newRecording(t)
	for round := range 300 {
		var want []string
		tenants := slices.Clone(r.conf.Tenants)
		for range random.IntN(4) {
			i := random.IntN(len(tenants) + 1)
			switch random.IntN(4) {
			case 0:
				id := fmt.Sprintf("new%d", len(want)+10*round)
				tenants = slices.Insert(tenants, i, &tenant.Tenant{ID: id})
				want = append(want, id+" tenant>configured")
			case 1:
				tenants = slices.Insert(tenants, i, &tenant.Tenant{ID: "-"}) // it moves no other by one
				random.Shuffle(len(tenants), func(i, j int) { tenants[i], tenants[j] = tenants[j], tenants[i] })
				tenants = slices.DeleteFunc(tenants, func(one *tenant.Tenant) bool { return one.ID == "-" })
			}
		}
		for i, one := range tenants {
			if random.IntN(20) == 0 && slices.Contains(r.conf.Tenants, one) {
				next := *one
				next.Name = fmt.Sprint("name ", round)
				tenants[i] = &next
				want = append(want, one.ID+" name>"+next.Name)
			}
		}
		tenants = slices.DeleteFunc(tenants, func(one *tenant.Tenant) bool {
			gone := random.IntN(40) == 0 && slices.Contains(r.conf.Tenants, one)
			if gone {
				want = append(want, one.ID+" tenant>removed")
			}
			return gone
		})
		r.conf.Tenants = tenants
		if random.IntN(3) == 0 {
			r.before = nil // a restart
		}
		slices.Sort(want)
		r.compared(strings.Join(want, ", "))
		var kept []string
		if err := r.file.Walk(store.BucketProfiles, store.Range{From: "a"}, func(id string, _ []byte) bool {
			kept = append(kept, id)
			return true
		}); err != nil || len(kept) != len(tenants) {
			t.Fatalf("profiles of %q, %v; there are %d tenants", kept, err, len(tenants))
		}
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
}

// TestManyInSteps: of many tenants all profiles are kept, few at a time, also where more are read than
// one step has.
func TestManyInSteps(t *testing.T) {
	r := newRecording(t)
	began := r.file.Health().Saved
	for i := range 3*readStep + 1 {
		r.conf.Tenants = append(r.conf.Tenants, &tenant.Tenant{ID: fmt.Sprintf("t%d", i)})
	}
	r.before = nil
	if err := r.compare(t.Context(), r.conf, time.Now(), func() {}); err != nil {
		t.Fatal(err)
	}
	if h := r.file.Health(); h.Waiting > 5*writeStep || h.Saved-began < 3*readStep/writeStep {
		t.Errorf("they were saved at once: %+v", h)
	}
	for range 2 { // from memory, and from the store
		r.rename(fmt.Sprint("after ", r.before == nil))
		began := time.Now()
		if err := r.compare(t.Context(), r.conf, began, func() {}); err != nil {
			t.Fatal(err)
		}
		count := 0
		if err := r.file.Walk(store.BucketHistory, store.Range{}, func(_ string, text []byte) bool {
			if strings.Contains(string(text), r.conf.Tenants[0].Name) {
				count++
			}
			return true
		}); err != nil || count != len(r.conf.Tenants) {
			t.Errorf("%d changes of %d, %v", count, len(r.conf.Tenants), err)
		}
		r.before = nil
	}
}

// TestEndsMeanwhile: an end is not kept waiting, and what was not compared is at the next start.
func TestEndsMeanwhile(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		r := newRecording(t, "a", "b", "c", "d")
		r.rename("one")
		if restarted {
			r.before = nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := r.compare(ctx, r.conf, time.Now(), func() {
			if r.changedSoFar() == 2 {
				cancel()
			}
		}); err != nil {
			t.Error(err)
		}
		cancel()
		if got := r.changedSoFar(); got != 2 {
			t.Errorf("restarted %t: %d changes before the end", restarted, got)
		}
		r.before = nil
		r.compared("c name>one, d name>one")
	}
}

// changedSoFar counts the tenants of which it is recorded that they have another name.
func (r recording) changedSoFar() int {
	page, _, err := r.List(store.Query{All: true, Limit: 100})
	if err != nil {
		r.t.Fatal(err)
	}
	return len(slices.DeleteFunc(page, func(e store.Entry) bool { return e.Subject != "name" }))
}

// TestPlatformLost: a platform whose profile the store has lost is not said to have come.
func TestPlatformLost(t *testing.T) {
	r := newRecording(t, "a")
	r.file.Write(store.Change{Bucket: store.BucketProfiles, Key: keyOfPlatform, Delete: true})
	r.before = nil // a restart
	r.compared("")
	r.conf.Platform.Name = "Courseware"
	r.before = nil
	r.compared(" platform.name>Courseware")
}

// killedAfter is the store of a process that is killed after so many writes: later ones are lost.
type killedAfter struct {
	store.Store
	writes int
}

func (k *killedAfter) Write(changes ...store.Change) {
	if k.writes--; k.writes >= 0 {
		k.Store.Write(changes...)
	}
}

// TestKilledMeanwhile: whenever a daemon is killed while it records, the next one records what it has
// not, and nothing twice.
func TestKilledMeanwhile(t *testing.T) {
	for writes, all := 0, false; !all; writes++ {
		r := newRecording(t, "a", "b")
		began := time.Now()
		r.rename("one")
		r.conf.Tenants = []*tenant.Tenant{r.conf.Tenants[0], {ID: "c"}}
		killed := &killedAfter{r.file, writes}
		history, err := store.OpenHistory(killed)
		if err != nil {
			t.Fatal(err)
		}
		for _, during := range []*recorder{{History: history, store: killed}, r.recorder} {
			during.before = nil // a start
			if _, known, _ := r.file.Get(store.BucketMarks, markMail+"a"); !known {
				during.mail("a")
			}
			if err := during.compare(t.Context(), r.conf, time.Now(), func() {}); err != nil {
				t.Fatal(err)
			}
		}
		page, _, err := r.List(store.Query{All: true, Since: began, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range page {
			got = append(got, fmt.Sprintf("%s %s%s>%s", e.Tenant, e.Kind, e.Subject, e.After))
		}
		slices.Sort(got)
		if want := []string{"a configurationname>one", "a first-mail>", "b configurationtenant>removed", "c configurationtenant>configured"}; !slices.Equal(got, want) {
			t.Errorf("killed after %d writes: %q, want %q", writes, got, want)
		}
		all = killed.writes >= 0
	}
}

// TestCannotSave: while nothing can be saved, a comparison ends all the same, without trying again
// and again; and what it has found is there when it can be.
func TestCannotSave(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	file, err := store.Open(store.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	history, err := store.OpenHistory(file)
	if err != nil {
		t.Fatal(err)
	}
	r := recording{&recorder{History: history, store: file}, t, file, dir, testGeneration()}
	for i := range 10 * writeStep {
		r.conf.Tenants = append(r.conf.Tenants, &tenant.Tenant{ID: fmt.Sprintf("t%d", i)})
	}
	failed := file.Health().Failed
	if err := r.compare(t.Context(), r.conf, time.Now(), func() {}); err != nil {
		t.Error(err)
	}
	if h := file.Health(); h.Waiting < 10*writeStep || h.Failed-failed > 5 {
		t.Errorf("%+v, and %d failures before", h, failed)
	}
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	r.before = nil
	r.compared("")
	r.rename("one")
	r.conf.Tenants = r.conf.Tenants[:1]
	r.before = nil
	if r.compare(t.Context(), r.conf, time.Now(), func() {}); len(r.before.tenants) != 1 {
		t.Error("it was not compared")
	}
	if page, _, err := r.List(store.Query{Tenant: "t0", Limit: 10}); err != nil || len(page) != 1 || page[0].After != "one" {
		t.Errorf("%+v, %v", page, err)
	}
}
