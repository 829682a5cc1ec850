package watch

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"onbehalf/authorize"
	"onbehalf/keys"
	"onbehalf/tenant"
)

const benchDomains = 100_000

// bigHouse is 100,000 tenants of one domain and two keys each; all share the keys.
func bigHouse(b *testing.B) (*tenant.Table, *keys.Ring) {
	b.Helper()
	ring := new(keys.Ring)
	var pair [2]keys.Key
	for i := range pair {
		key, err := keys.Generate(tenant.RSA, 2048)
		if err != nil {
			b.Fatal(err)
		}
		pair[i] = key
	}
	all := crowd(b, benchDomains)
	for _, one := range all {
		for i, key := range pair {
			id := tenant.Identity{SDID: one.Domains[0].Domain, Selector: fmt.Sprintf("cw%d", i+1), Algorithm: tenant.RSA}
			if err := ring.Add(id, key); err != nil {
				b.Fatal(err)
			}
			one.Identities = append(one.Identities, id)
		}
	}
	return tableOf(b, all...), ring
}

// lookedAt gives what is known of the house after the first round.
func lookedAt(b *testing.B, table *tenant.Table, ring *keys.Ring) []tenant.Standing {
	b.Helper()
	gen := newTown().generation(table, ring)
	named, _ := targets(gen, nil)
	all := make([]tenant.Standing, 0, len(named))
	for _, s := range named {
		r := reportOf(s, authorize.There)
		r.SPF.Text = "ip4:80.84.235.70 passes by v=spf1 of " + s.Domain.String()
		for i := range r.Keys {
			r.Keys[i].Text = fmt.Sprintf("our RSA key is at cw%d._domainkey.%s", i+1, s.Domain)
		}
		r.Policy.Text = s.Domain.String() + " asks receivers for p=none"
		standing, _ := usual.Step(s.Carry(tenant.Standing{}, ourIPs).Standing, r, noon)
		all = append(all, standing)
	}
	return all
}

func quietWatcher() *Watcher { return New(slog.New(slog.DiscardHandler)) }

// BenchmarkAdopt is a reload, but for the reading of files. It reports what the watch and the
// standings weigh together.
func BenchmarkAdopt(b *testing.B) {
	table, ring := bigHouse(b)
	before := heapSize()
	gen := newTown().generation(table, ring)
	w := quietWatcher()
	if err := w.Adopt(gen, lookedAt(b, table, ring)...); err != nil {
		b.Fatal(err)
	}
	weight := float64(heapSize()) - float64(before)
	for b.Loop() {
		if err := w.Adopt(gen); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(weight/benchDomains, "B/domain")
}

// BenchmarkStatus is what the watch says of itself.
func BenchmarkStatus(b *testing.B) {
	table, ring := bigHouse(b)
	w := quietWatcher()
	if err := w.Adopt(newTown().generation(table, ring), lookedAt(b, table, ring)...); err != nil {
		b.Fatal(err)
	}
	d := dom(b, crowdDomain(777))
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := w.Status(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("next", func(b *testing.B) {
		for b.Loop() {
			w.Next(d)
		}
	})
}

// BenchmarkSeen is what a message pays.
func BenchmarkSeen(b *testing.B) {
	table, ring := bigHouse(b)
	w := quietWatcher()
	if err := w.Adopt(newTown().generation(table, ring), lookedAt(b, table, ring)...); err != nil {
		b.Fatal(err)
	}
	d, unknown := dom(b, crowdDomain(777)), dom(b, "unknown.example")
	b.Run("known", func(b *testing.B) {
		for b.Loop() {
			w.Seen(d)
		}
	})
	b.Run("unknown", func(b *testing.B) {
		for b.Loop() {
			w.Seen(unknown)
		}
	})
	b.Run("in a reload", func(b *testing.B) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for b.Loop() {
			w.Seen(d)
		}
	})
}

// BenchmarkTake is what the watch itself costs for each look.
func BenchmarkTake(b *testing.B) {
	table, ring := bigHouse(b)
	w := quietWatcher()
	gen := newTown().generation(table, ring)
	if err := w.Adopt(gen, lookedAt(b, table, ring)...); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		e, _, _ := w.next()
		if e == nil { // all were looked up
			for _, e := range w.schedule.entries {
				e.due = 0
			}
			w.schedule.scanAt = 0
			e, _, _ = w.next()
		}
		w.take(context.Background(), e, observed{Report: reportOf(e.target, authorize.There), sign: answered})
	}
}

// BenchmarkScan is what the watch costs once a second: where nothing is due, where as many are as
// usual, and where all are, which is once, for they are looked up before the next scan.
func BenchmarkScan(b *testing.B) {
	for _, test := range []struct {
		name string
		now  time.Duration
	}{{"none due", -1}, {"as usual", time.Second}, {"all due", time.Hour}} {
		b.Run(test.name, func(b *testing.B) {
			s, _ := scheduleOf(b, benchDomains)
			s.scan(test.now) // ready has the room from now on
			b.ReportAllocs()
			for b.Loop() {
				s.scan(test.now)
			}
			b.ReportMetric(float64(len(s.ready)), "due")
		})
	}
}

// BenchmarkStart is a start with what the last run has saved.
func BenchmarkStart(b *testing.B) {
	table, ring := bigHouse(b)
	known := lookedAt(b, table, ring)
	gen := newTown().generation(table, ring)
	for b.Loop() {
		if err := quietWatcher().Adopt(gen, known...); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMakeRoom is what a message from a new name costs where there are too many, and
// none may be forgotten.
func BenchmarkMakeRoom(b *testing.B) {
	w := quietWatcher()
	if err := w.Adopt(newTown().generation(tableOf(b, ofTown(b, "wild", "*.wild.example")), nil)); err != nil {
		b.Fatal(err)
	}
	for i := range maxBelow {
		w.notice(dom(b, fmt.Sprintf("n%d.wild.example", i)))
	}
	for b.Loop() {
		if w.makeRoom("wild") {
			b.Fatal("there is room")
		}
	}
}
