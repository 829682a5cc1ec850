package watch

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onbehalf/authorize"
	"onbehalf/message"
	"onbehalf/tenant"
)

// saver is a Watcher's Save.
type saver struct {
	mu    sync.Mutex
	err   error
	saves []time.Time
	last  []tenant.Standing
}

func (s *saver) save(all []tenant.Standing) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saves = append(s.saves, time.Now())
	if s.err == nil {
		s.last = all
	}
	return s.err
}

func (s *saver) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *saver) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.saves)
}

func (s *saver) knows(domain message.Domain) tenant.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.last {
		if one.Domain == domain {
			return one.SPF.State
		}
	}
	return tenant.Unknown
}

func TestSaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s := newTown(), new(saver)
		w := watchIn(t, n, n.generation(tableOf(t, crowd(t, 5)...), nil))
		w.Save = s.save
		w.run()
		after(3 * time.Second)
		if s.knows(dom(t, crowdDomain(0))) != tenant.Active {
			t.Error("a change was not saved soon")
		}
		few := s.count()
		after(9 * time.Hour)
		if more := s.count() - few; more < 50 || more > 60 {
			t.Errorf("%d saves in 9 hours without a change", more)
		}
		s.fail(errors.New("disk full"))
		n.set(crowdDomain(0), authorize.Broken)
		after(67 * time.Minute)
		if lines := w.log.with("standings cannot be saved"); len(lines) != 1 || !strings.Contains(lines[0], "disk full") || !strings.Contains(lines[0], "remedy=") {
			t.Errorf("logged: %q", lines)
		}
		if status, err := w.Status(); status.Unsaved != "disk full" || err != nil {
			t.Errorf("status: %+v, %v", status, err)
		}
		tries := s.count()
		s.fail(nil)
		after(2 * time.Second)
		if s.count() == tries || s.knows(dom(t, crowdDomain(0))) != tenant.Pending || len(w.log.with("can be saved again")) != 1 {
			t.Error("it was not tried again")
		}
		if status, err := w.Status(); status.Unsaved != "" || err != nil {
			t.Errorf("status: %+v, %v", status, err)
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
			w.Save = s.save
			w.run()
			time.Sleep(time.Second*time.Duration(i/4) + 200*time.Millisecond*time.Duration(i%4))
			want, err := w.table.Load().Standings()
			if err != nil {
				t.Fatal(err)
			}
			w.stop()
			if !reflect.DeepEqual(s.last, want) {
				t.Errorf("after %d: %d standings were saved", i, len(s.last))
			}
		})
	}
}
