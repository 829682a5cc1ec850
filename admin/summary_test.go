package admin_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"time"
	"weak"

	"onbehalf/tenant"
)

// TestSummaryIsOfNow has standings change between questions: the answer is always that of a daemon
// that was never asked before.
func TestSummaryIsOfNow(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	tenants := []*tenant.Tenant{customer(t, "one", "one.example", "two.example"), customer(t, "wide", "*.wide.example"), customer(t, "apex", "wide.example"),
		customer(t, "deep", "x.deep.wide.example", "*.deep.wide.example"), customer(t, "empty")}
	names := []string{"one.example", "two.example", "wide.example", "a.wide.example", "b.wide.example", "any-name.wide.example", "deep.wide.example",
		"x.deep.wide.example", "a.deep.wide.example", "any-name.deep.wide.example", "strange.example", "courseware.nl", "bounces.courseware.nl", "a.courseware.nl"}
	states := []tenant.State{tenant.Unknown, tenant.Pending, tenant.Active, tenant.Warning}
	state := func() tenant.State { return states[random.IntN(len(states))] }
	d := newDesk(t, tenants)
	asked := d.handler()
	seen := make(map[string]bool)
	for round := range 2000 {
		for range random.IntN(3) {
			name := names[random.IntN(len(names))]
			one := standing(t, name, state(), state(), tenant.Unknown)
			one.DMARC.StrictDKIM = random.IntN(4) == 0
			if random.IntN(2) == 0 {
				one.Seen = noon
			}
			if random.IntN(5) == 0 {
				one.DMARC.LookupError = tenant.LookupError{Error: "i/o timeout", At: noon.Add(time.Duration(round) * time.Second)}
			}
			err := d.table.SetStandings(one)
			if random.IntN(4) == 0 {
				err = d.table.Forget(domain(t, name))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if random.IntN(50) == 0 { // a reload
			all, err := d.table.Standings()
			if err != nil {
				t.Fatal(err)
			}
			random.Shuffle(len(tenants), func(i, j int) { tenants[i], tenants[j] = tenants[j], tenants[i] })
			d.table = newDesk(t, slices.Clone(tenants), all...).table
		}
		got, want := statusOf(t, asked), statusOf(t, d.handler())
		got.Now = want.Now
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("in round %d: %+v\nwant %+v", round, got, want)
		}
		seen[fmt.Sprint(got.Tenants)] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d different answers", len(seen))
	}
}

// TestSummaryLetsGo: what was worked out does not keep a table in memory that a reload has replaced,
// not even when the reload comes while it is being worked out.
func TestSummaryLetsGo(t *testing.T) {
	d := newDesk(t, []*tenant.Tenant{customer(t, "one", "one.example")}, standing(t, "one.example", tenant.Active, "", ""))
	h := d.handler()
	for _, during := range []bool{false, true} {
		before := weak.Make(d.table)
		if next := newDesk(t, d.table.Tenants()).table; during {
			d.asked = func() { d.table, d.asked = next, func() {} }
			h.Reloaded() // too early to be of use
			statusOf(t, h)
		} else {
			statusOf(t, h)
			d.table = next
			h.Reloaded()
		}
		for end := time.Now().Add(10 * time.Second); before.Value() != nil; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("it is still in memory; the reload came meanwhile:", during)
			}
			runtime.GC()
		}
	}
}

// bigDesk answers for 100,000 tenants that have published nothing, each with a wildcard and a name
// below it that mail came from.
func bigDesk(b *testing.B) *desk {
	b.Helper()
	var tenants []*tenant.Tenant
	var standings []tenant.Standing
	for i := range 100_000 {
		name := fmt.Sprintf("n%d.example", i)
		tenants = append(tenants, customer(b, fmt.Sprint("n", i), name, "*."+name))
		below := standing(b, "dept."+name, tenant.Active, "", "")
		below.Seen, below.DKIM = noon, nil
		standings = append(standings, standing(b, name, tenant.Pending, tenant.Pending, ""), below)
	}
	return newDesk(b, tenants, standings...)
}

// BenchmarkAnswers is what the daemon does for the status of one tenant, for the last page of what is
// known of domains, for the first status of all since a start or reload, and for another a minute
// later.
func BenchmarkAnswers(b *testing.B) {
	d := bigDesk(b)
	h := d.handler()
	ask := func(b *testing.B, path string) {
		if answer := get(h, "GET", path, "", "unix"); answer.Code != 200 {
			b.Fatal(answer.Body)
		}
	}
	b.Run("tenant", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ask(b, "/tenants/n777")
		}
	})
	b.Run("last standings", func(b *testing.B) {
		for b.Loop() {
			ask(b, "/standings?after=n9999.example")
		}
	})
	b.Run("first status", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			h = d.handler()
			ask(b, "/status")
		}
	})
	looked := 0
	b.Run("status", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			for range 600 { // as many lookups as there are in a minute
				looked++
				one := standing(b, fmt.Sprintf("n%d.example", looked%100_000), tenant.Active, tenant.Pending, "")
				if err := d.table.SetStandings(one); err != nil {
					b.Fatal(err)
				}
			}
			b.StartTimer()
			ask(b, "/status")
		}
	})
}
