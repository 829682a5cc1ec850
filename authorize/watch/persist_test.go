package watch

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onbehalf/authorize"
	"onbehalf/message"
	"onbehalf/tenant"
)

// saver is a Watcher's Save. It keeps what the last process knew.
type saver struct {
	mu    sync.Mutex
	all   map[message.Domain]tenant.Standing
	times map[message.Domain]time.Time // of the last save of each
}

func (s *saver) save(saved []tenant.Standing, gone []message.Domain) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all, s.times = make(map[message.Domain]tenant.Standing), make(map[message.Domain]time.Time)
	}
	for _, one := range saved {
		s.all[one.Domain], s.times[one.Domain] = one, time.Now()
	}
	for _, d := range gone {
		delete(s.all, d)
	}
}

// serves has a Watcher that has adopted already save here.
func (s *saver) serves(t *testing.T, w *watch) {
	t.Helper()
	w.Save = s.save
	if err := w.SaveAll(); err != nil {
		t.Fatal(err)
	}
}

// standings returns what the next start begins with.
func (s *saver) standings() []tenant.Standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.all), byDomain)
}

func byDomain(a, b tenant.Standing) int { return strings.Compare(a.Domain.String(), b.Domain.String()) }

func (s *saver) knows(domain message.Domain) tenant.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[domain].SPF.State
}

func (s *saver) savedAt(domain message.Domain) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times[domain]
}

// TestSaving: each lookup is saved when it ends, whether it moves something or not, and by itself.
func TestSaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s := newTown(), new(saver)
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 5)...), nil))
		s.serves(t, w)
		w.run()
		after(3 * time.Second)
		if s.knows(dom(t, crowdDomain(0))) != tenant.Active {
			t.Error("a change was not saved soon")
		}
		after(9 * time.Hour)
		for i := range 5 {
			d := dom(t, crowdDomain(i))
			if age := time.Since(s.savedAt(d)); age > 67*time.Minute || !s.savedAt(d).Equal(w.standing(crowdDomain(i)).SPF.Checked) {
				t.Errorf("%s was saved %s ago, and looked up at %s", d, age, w.standing(crowdDomain(i)).SPF.Checked)
			}
		}
		n.set(crowdDomain(0), authorize.Broken)
		after(67 * time.Minute)
		if s.knows(dom(t, crowdDomain(0))) != tenant.Pending {
			t.Error("a loss was not saved")
		}
		w.stop()
	})
}

// TestLastSave ends at all kinds of moments: what was seen until then is saved.
func TestLastSave(t *testing.T) {
	for i := range 40 {
		synctest.Test(t, func(t *testing.T) {
			n, s := newTown(), new(saver)
			w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 5)...), nil))
			s.serves(t, w)
			w.run()
			time.Sleep(time.Second*time.Duration(i/4) + 200*time.Millisecond*time.Duration(i%4))
			w.stop()
			s.expectAll(t, w)
		})
	}
}

// expectAll compares what is saved with what is known.
func (s *saver) expectAll(t *testing.T, w *watch) {
	t.Helper()
	want, err := w.table.Load().Standings()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range w.parked {
		want = append(want, *s)
	}
	slices.SortFunc(want, byDomain)
	if got := s.standings(); !slices.EqualFunc(got, want, func(a, b tenant.Standing) bool { return isSame(&a, &b) }) {
		t.Errorf("%d standings are saved, and %d are known", len(got), len(want))
	}
}

// TestSavedThroughReloads: after a reload that adds, removes or changes tenants there is saved what is
// known, no more and no less; and one that changes nothing saves nothing.
func TestSavedThroughReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s := newTown(), new(saver)
		generation := func(tenants ...*tenant.Tenant) *generation { return n.generation(tableOf(t, tenants...), nil) }
		w := watchIn(t, n, generation(crowd(t, 5)...))
		s.serves(t, w)
		w.run()
		wild := ofTown(t, "wild", "*.wild.example")
		decided := ofTown(t, "t3", crowdDomain(3))
		decided.Authorization = tenant.Authorized
		for _, tenants := range [][]*tenant.Tenant{
			crowd(t, 9), append(crowd(t, 3), wild), append(crowd(t, 3), decided, wild), crowd(t, 4), nil, crowd(t, 5),
		} {
			if err := w.Adopt(generation(tenants...)); err != nil {
				t.Fatal(err)
			}
			s.expectAll(t, w)
			w.Seen(dom(t, "a.wild.example"))
			after(10 * time.Minute)
			s.expectAll(t, w)
		}
		last := s.savedAt(dom(t, crowdDomain(0)))
		time.Sleep(time.Second)
		if err := w.Adopt(generation(crowd(t, 5)...)); err != nil {
			t.Fatal(err)
		}
		if !s.savedAt(dom(t, crowdDomain(0))).Equal(last) {
			t.Error("a reload that changes nothing saves again")
		}
		w.stop()
	})
}

// TestForgottenIsDeleted: a name below a wildcard that is forgotten is saved no longer.
func TestForgottenIsDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s := newTown(), new(saver)
		w := watchIn(t, n, n.generation(tableOf(t, ofTown(t, "wild", "*.wild.example")), nil))
		s.serves(t, w)
		w.run()
		w.Seen(dom(t, "a.wild.example"))
		after(time.Hour)
		if s.knows(dom(t, "a.wild.example")) != tenant.Active {
			t.Fatal("it was not saved")
		}
		after(forgotten + 48*time.Hour)
		s.expectAll(t, w)
		if s.knows(dom(t, "a.wild.example")) != tenant.Unknown {
			t.Error("it is still saved")
		}
		w.stop()
	})
}

// TestIsSame: a standing that differs in any field is another one.
func TestIsSame(t *testing.T) {
	full := tenant.Standing{
		Domain: dom(t, "one.example"), SPF: tenant.Mechanism{State: tenant.Active}, ReturnPath: tenant.Mechanism{Of: "bounce.one.example"},
		DKIM: []tenant.KeyStanding{{Name: "cw1"}}, DMARC: tenant.DMARC{Evidence: "p=none"}, Seen: noon,
	}
	for i, field := range reflect.VisibleFields(reflect.TypeFor[tenant.Standing]()) {
		other := full
		value := reflect.ValueOf(&other).Elem().Field(i)
		if value.IsZero() {
			t.Errorf("%s is not tried", field.Name)
		}
		value.SetZero()
		if isSame(&full, &other) {
			t.Errorf("%s is not looked at", field.Name)
		}
	}
	if other := full; !isSame(&full, &other) {
		t.Error("a copy is another one")
	}
}
