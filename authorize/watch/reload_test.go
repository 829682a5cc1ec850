package watch

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"onbehalf/authorize"
	"onbehalf/keys"
	"onbehalf/tenant"
)

// TestRestart puts the looks of a crowd where they were, and spreads those that
// should have been while nobody looked.
func TestRestart(t *testing.T) {
	t.Parallel()
	const domains = 300
	synctest.Test(t, func(t *testing.T) {
		for _, stop := range []time.Duration{0, 10 * time.Minute, 100 * time.Hour} {
			n := newTown()
			s := new(saver)
			w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil))
			s.serves(t, w)
			w.run()
			after(3 * time.Hour)
			w.stop()
			after(stop)
			known := s.standings()
			before := make(map[string]time.Time)
			for i := range domains {
				before[crowdDomain(i)] = slices.MaxFunc(n.at(crowdDomain(i)), time.Time.Compare)
			}
			n.forget()
			start := time.Now()
			w = watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil), known...).run()
			after(67 * time.Minute)
			w.stop()
			minutes := make([]int, 68)
			for i := range domains {
				d := crowdDomain(i)
				at := n.at(d)
				if len(at) == 0 {
					t.Fatalf("%s is not looked at after a restart", d)
				}
				if due := before[d].Add(time.Hour); due.After(start) && at[0].Sub(due).Abs() > time.Minute {
					t.Errorf("after a stop of %s the look of %s comes at %s", stop, due, at[0])
				}
				minutes[int(at[0].Sub(start).Minutes())]++
			}
			if most := slices.Max(minutes); most > 25 {
				t.Errorf("after a stop of %s there are %d looks in one minute", stop, most)
			}
		}
	})
}

// TestWrongClock starts when the clock was wrong before, or is now: no domain's turn comes at once, and
// each comes within the usual time.
func TestWrongClock(t *testing.T) {
	const domains, year = 300, 365 * 24 * time.Hour
	for _, wrong := range []time.Duration{10 * year, 24 * time.Hour, -24 * time.Hour, -10 * year} {
		synctest.Test(t, func(t *testing.T) {
			n := newTown()
			known := longAgo(t, domains, time.Now().Add(5*time.Hour+wrong))
			w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil), known...)
			for i := range domains {
				d := crowdDomain(i)
				if wait := time.Until(w.Next(dom(t, d))); wait > time.Hour {
					t.Errorf("%s wrong: %s is to be looked up in %s", wrong, d, wait)
				}
			}
			w.run()
			after(time.Minute)
			if looks := n.count(); looks > domains/10 {
				t.Errorf("%s wrong: %d lookups in the first minute", wrong, looks)
			}
			after(time.Hour)
			w.stop()
			for i := range domains {
				if looks := len(n.at(crowdDomain(i))); looks != 1 && looks != 2 {
					t.Errorf("%s wrong: %d lookups of domain %d in an hour", wrong, looks, i)
				}
			}
		})
	}
}

// TestManyReloads reloads so often that no interval ever passes between two.
func TestManyReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const domains = 50
		n := newTown()
		n.set(crowdDomain(1), authorize.Unanswered)
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil)).run()
		after(2 * time.Hour)
		n.set(crowdDomain(2), authorize.Unanswered) // is active
		n.forget()
		for range 100 {
			after(7 * time.Minute)
			if err := w.Adopt(n.generation(tableOf(t, crowd(t, domains)...), nil)); err != nil {
				t.Fatal(err)
			}
		}
		w.stop()
		for i := range domains {
			looks := len(n.at(crowdDomain(i)))
			if looks < 10 || looks > 13 {
				t.Errorf("%d looks at domain %d in 700 minutes", looks, i)
			}
		}
	})
}

// TestShorterIntervals take hold with the reload.
func TestShorterIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 20)...), nil)).run()
		after(2 * time.Hour)
		gen := n.generation(tableOf(t, crowd(t, 20)...), nil)
		gen.rules.ActiveEvery = time.Minute
		n.forget()
		if err := w.Adopt(gen); err != nil {
			t.Fatal(err)
		}
		after(67 * time.Second)
		w.stop()
		for i := range 20 {
			if len(n.at(crowdDomain(i))) == 0 {
				t.Errorf("domain %d waits for the old interval", i)
			}
		}
	})
}

// TestAdopt changes one thing of a tenant that has everything.
func TestAdopt(t *testing.T) {
	full := func(change func(*tenant.Tenant, *keys.Ring, *tenant.Platform)) (*tenant.Table, *keys.Ring) {
		one, ring, platform := ofTown(t, "one", "one.example", "*.one.example"), new(keys.Ring), platformOf(t)
		one.ReturnPath = dom(t, "bounce.one.example")
		change(one, ring, platform)
		table, err := tenant.NewTable(platform, []*tenant.Tenant{one, ofTown(t, "two", "two.example")})
		if err != nil {
			t.Fatal(err)
		}
		return table, ring
	}
	scratch := new(keys.Ring)
	signed := signing(t, ofTown(t, "scratch"), scratch, "one.example", "cw1")
	held, _ := scratch.Key(signed.Identities[0])
	withKey := func(one *tenant.Tenant, ring *keys.Ring) {
		one.Identities = signed.Identities
		if err := ring.Add(signed.Identities[0], held); err != nil {
			t.Fatal(err)
		}
	}
	const active, unknown = tenant.Active, tenant.Unknown
	tests := []struct {
		name            string
		change          func(*tenant.Tenant, *keys.Ring, *tenant.Platform)
		spf, dkim, path tenant.State // right after
		soon            bool         // a look
	}{
		{"nothing", func(one *tenant.Tenant, ring *keys.Ring, _ *tenant.Platform) { withKey(one, ring) }, active, active, active, false},
		{"key", func(one *tenant.Tenant, ring *keys.Ring, _ *tenant.Platform) {
			signing(t, one, ring, "one.example", "cw1")
		}, active, unknown, active, true},
		{"return path", func(one *tenant.Tenant, ring *keys.Ring, _ *tenant.Platform) {
			withKey(one, ring)
			one.ReturnPath = dom(t, "bounces.one.example")
		}, active, active, unknown, true},
		{"addresses", func(one *tenant.Tenant, ring *keys.Ring, p *tenant.Platform) {
			withKey(one, ring)
			p.SendingIPs = append(p.SendingIPs, netip.MustParseAddr("2001:db8::1"))
		}, active, active, active, true},
		{"authorized", func(one *tenant.Tenant, ring *keys.Ring, _ *tenant.Platform) {
			withKey(one, ring)
			one.Authorization = tenant.Authorized
		}, unknown, unknown, unknown, false},
		{"unauthorized", func(one *tenant.Tenant, ring *keys.Ring, _ *tenant.Platform) {
			withKey(one, ring)
			one.Authorization = tenant.Unauthorized
		}, unknown, unknown, unknown, false},
		{"another domain", func(one *tenant.Tenant, _ *keys.Ring, _ *tenant.Platform) {
			one.Domains = ofTown(t, "x", "x.example").Domains
		}, unknown, unknown, unknown, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newTown()
				table, ring := full(func(one *tenant.Tenant, ring *keys.Ring, _ *tenant.Platform) { withKey(one, ring) })
				w := watchIn(t, n, n.generation(table, ring)).run()
				after(3 * time.Hour)
				w.Seen(dom(t, "a.one.example"))
				after(time.Minute)
				before := w.standing("one.example")
				under := w.table.Load().Snapshot()
				n.forget()
				if err := w.Adopt(n.generation(full(test.change))); err != nil {
					t.Fatal(err)
				}
				s := w.standing("one.example")
				if s.SPF.State != test.spf || s.Key("cw1").State != test.dkim || s.ReturnPath.State != test.path {
					t.Errorf("right after: %+v", s)
				}
				if test.spf == active && (s.SPF.Since != before.SPF.Since || s.SPF.Checked != before.SPF.Checked) {
					t.Errorf("SPF was %+v and is %+v", before.SPF, s.SPF)
				}
				if !under.Standing(dom(t, "one.example")).Key("cw1").Holds() {
					t.Error("a message under way sees another table")
				}
				after(time.Second)
				if looks := len(n.at("one.example")); looks > 0 != test.soon {
					t.Errorf("%d looks at once", looks)
				}
				if gone := test.spf == unknown; gone != w.standing("a.one.example").Seen.IsZero() {
					t.Errorf("below: %+v", w.standing("a.one.example"))
				}
				after(3 * time.Hour)
				if looks := len(n.at("one.example")); looks == 0 != (test.spf == unknown) {
					t.Errorf("%d looks later on", looks)
				}
				if s := w.standing("one.example"); test.spf == active && (s.SPF.State != active || s.Key("cw1").State != active || s.ReturnPath.State != active) {
					t.Errorf("later on: %+v", s)
				}
				w.stop()
			})
		})
	}
}

// TestAdoptUnderWay reloads while a look is under way that the new key was not asked
// of.
func TestAdoptUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.takes = 30 * time.Second
		generation := func() *generation {
			ring := new(keys.Ring)
			return n.generation(tableOf(t, signing(t, ofTown(t, "one", "one.example"), ring, "one.example", "cw1")), ring)
		}
		w := watchIn(t, n, generation()).run()
		after(10 * time.Second)
		if err := w.Adopt(generation()); err != nil {
			t.Fatal(err)
		}
		after(21 * time.Second) // the old look has ended
		if state := w.standing("one.example").Key("cw1").State; state != tenant.Unknown {
			t.Fatalf("a look at the old key makes the new one %q", state)
		}
		after(20 * time.Second)
		if state := w.standing("one.example").Key("cw1").State; state != tenant.Active || len(n.at("one.example")) != 2 {
			t.Errorf("the new key is %q after %d looks", state, len(n.at("one.example")))
		}
		w.stop()
	})
}

// TestUrgentSurvivesReload keeps a domain with mail at the head.
func TestUrgentSurvivesReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTown()
		n.takes = 10 * time.Second
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 2000)...), nil)).run()
		after(time.Second) // all places are taken
		w.Seen(dom(t, crowdDomain(1999)))
		after(time.Second)
		if err := w.Adopt(n.generation(tableOf(t, crowd(t, 2000)...), nil)); err != nil {
			t.Fatal(err)
		}
		after(19 * time.Second)
		if state := w.spf(crowdDomain(1999)); state != tenant.Active {
			t.Errorf("it is %q", state)
		}
		w.stop()
	})
}

// TestReloadsWhileLooking reloads more often than a look lasts.
func TestReloadsWhileLooking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const domains = 5
		n := newTown()
		n.takes = 30 * time.Second
		n.set(crowdDomain(1), authorize.Unanswered)
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, domains)...), nil)).run()
		for range 10 {
			after(7 * time.Second)
			if err := w.Adopt(n.generation(tableOf(t, crowd(t, domains)...), nil)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range domains {
			if s := w.standing(crowdDomain(i)).SPF; i != 1 && s.State != tenant.Active || i == 1 && s.Error == "" {
				t.Errorf("domain %d has come to no conclusion: %+v", i, s)
			}
			if looks := len(n.at(crowdDomain(i))); looks != 1 {
				t.Errorf("%d looks at domain %d", looks, i)
			}
		}
		after(3 * time.Hour) // and nothing got lost
		if at := n.at(crowdDomain(0)); len(at) < 3 || time.Since(at[len(at)-1]) > 67*time.Minute {
			t.Errorf("looks at %v", at)
		}
		w.stop()
		if w.schedule.looking != 0 || len(w.schedule.busy) != 0 {
			t.Errorf("%d looks are said to be under way, for tenants %v", w.schedule.looking, w.schedule.busy)
		}
	})
}

// TestReloadChangesLook reloads with something else that a look depends on: the one under way
// counts no more.
func TestReloadChangesLook(t *testing.T) {
	tests := map[string]func(*generation, *tenant.Platform, *tenant.Tenant){
		"nothing":       func(*generation, *tenant.Platform, *tenant.Tenant) {},
		"DNS servers":   func(g *generation, _ *tenant.Platform, _ *tenant.Tenant) { g.resolver = newTown() },
		"bounce domain": func(_ *generation, p *tenant.Platform, _ *tenant.Tenant) { p.Bounce = dom(t, "b.courseware.nl") },
		"addresses": func(_ *generation, p *tenant.Platform, _ *tenant.Tenant) {
			p.SendingIPs = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
		},
		"the tenant":      func(_ *generation, _ *tenant.Platform, one *tenant.Tenant) { one.ID = "other" },
		"the return path": func(_ *generation, _ *tenant.Platform, one *tenant.Tenant) { one.ReturnPath = dom(t, "b.one.example") },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newTown()
				n.takes = 30 * time.Second
				w := watchIn(t, n, n.generation(tableOf(t, ofTown(t, "one", "one.example")), nil)).run()
				after(20 * time.Second)
				platform, one := platformOf(t), ofTown(t, "one", "one.example")
				var gen generation
				change(&gen, platform, one)
				table, err := tenant.NewTable(platform, []*tenant.Tenant{one})
				if err != nil {
					t.Fatal(err)
				}
				next := n.generation(table, nil)
				if gen.resolver != nil {
					next.resolver = gen.resolver
				}
				if err := w.Adopt(next); err != nil {
					t.Fatal(err)
				}
				after(11 * time.Second) // the look has ended
				if counts := w.spf("one.example") == tenant.Active; counts != (name == "nothing") {
					t.Errorf("that the look counts is %v", counts)
				}
				after(time.Minute)
				if w.spf("one.example") != tenant.Active {
					t.Error("there was no other look")
				}
				w.stop()
				if w.schedule.looking != 0 || len(w.schedule.busy) != 0 {
					t.Errorf("%d looks are said to be under way, for tenants %v", w.schedule.looking, w.schedule.busy)
				}
			})
		})
	}
}

// TestAuthorizedForAnAfternoon takes DNS's say from all tenants, or from one of two, and
// gives it back, with or without a restart in between.
func TestAuthorizedForAnAfternoon(t *testing.T) {
	ring := new(keys.Ring)
	signed := signing(t, ofTown(t, "one"), ring, "one.example", "cw1")
	tenants := func(decides tenant.Authorization, others ...*tenant.Tenant) []*tenant.Tenant {
		one := ofTown(t, "one", "*.one.example") // so that no tenant owns the apex itself
		one.Identities, one.Authorization = signed.Identities, decides
		return append(others, one)
	}
	for name, test := range map[string]struct {
		others  int
		restart bool
		lasts   time.Duration
		kept    bool
	}{
		"the only one": {0, false, 5 * time.Hour, true},
		"one of two":   {1, false, 5 * time.Hour, true},
		"restart":      {0, true, 5 * time.Hour, true},
		"too long":     {1, false, 32 * 24 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, s := newTown(), new(saver)
				generation := func(decides tenant.Authorization) *generation {
					return n.generation(tableOf(t, tenants(decides, crowd(t, test.others)...)...), ring)
				}
				w := watchIn(t, n, generation(tenant.Auto))
				s.serves(t, w)
				w.run()
				w.Seen(dom(t, "a.one.example"))
				after(3 * time.Hour)
				before := w.standing("one.example")
				if err := w.Adopt(generation(tenant.Authorized)); err != nil {
					t.Fatal(err)
				}
				n.forget()
				after(test.lasts)
				if len(n.at("one.example"))+len(n.at("a.one.example")) > 0 {
					t.Error("it is looked at, though DNS has no say")
				}
				for _, d := range []string{"one.example", "a.one.example"} {
					if s := w.standing(d); !s.DMARC.Checked.IsZero() {
						t.Errorf("mail is decided by what is parked: %+v", s)
					}
				}
				if test.restart {
					w.stop()
					w = watchIn(t, n, generation(tenant.Authorized), s.standings()...)
					w.Save = s.save
					w.run()
				}
				n.mu.Lock()
				n.takes = time.Second
				n.mu.Unlock()
				if err := w.Adopt(generation(tenant.Auto)); err != nil {
					t.Fatal(err)
				}
				key, below := w.standing("one.example").Key("cw1"), w.spf("a.one.example")
				if kept := key == before.Key("cw1") && below == tenant.Active; kept != test.kept {
					t.Errorf("afterwards the key is %+v and the name below %q", key, below)
				}
				after(5 * time.Second)
				if looks := len(n.at("one.example")); looks != 1 {
					t.Errorf("%d looks soon afterwards", looks)
				}
				if w.mu.Lock(); len(w.parked) > 0 {
					t.Errorf("still parked: %+v", w.parked)
				}
				w.mu.Unlock()
				w.stop()
			})
		})
	}
}

// TestTwoTenantsOneApex gives a domain to one tenant, and all below it to another.
func TestTwoTenantsOneApex(t *testing.T) {
	for _, order := range [][2]int{{0, 1}, {1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			ring := new(keys.Ring)
			both := []*tenant.Tenant{
				signing(t, ofTown(t, "town", "town.example"), ring, "town.example", "cw1"),
				signing(t, ofTown(t, "schools", "*.town.example"), ring, "town.example", "cw2"),
			}
			both[1].ReturnPath = dom(t, "bounce.town.example")
			n := newTown()
			w := watchIn(t, n, n.generation(tableOf(t, both[order[0]], both[order[1]]), ring)).run()
			after(time.Minute)
			s := w.standing("town.example")
			if s.SPF.State != tenant.Active || !s.Key("cw1").Holds() || !s.Key("cw2").Holds() || !s.ReturnPath.Holds() || len(n.at("town.example")) != 1 {
				t.Errorf("%+v after %d looks", s, len(n.at("town.example")))
			}
			w.stop()
			for mechanism, whose := range map[string]string{"spf": "town", `"dkim cw1"`: "town", `"dkim cw2"`: "schools", "return_path": "schools", "dmarc": "town"} {
				lines := w.log.with("domain=town.example tenant=" + whose + " mechanism=" + mechanism)
				if len(lines) != 1 {
					t.Errorf("%s of %s is logged as %q", mechanism, whose, w.log.with("domain=town.example"))
				}
			}
		})
	}
}
