package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// buffer is a log that tests read.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// opened opens the state of a folder until the test ends, or its Close.
func opened(t testing.TB, dir string) (*File, *buffer) {
	t.Helper()
	log := new(buffer)
	f, err := Open(Options{Dir: dir, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return f, log
}

func closed(t testing.TB, f *File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// walked returns a range of a bucket as "key=value" words.
func walked(t testing.TB, s Store, b Bucket, r Range) []string {
	t.Helper()
	var all []string
	if err := s.Walk(b, r, func(key string, value []byte) bool {
		all = append(all, key+"="+string(value))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// model is what a bucket must hold.
type model map[string]string

func (m model) within(r Range) []string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if key >= r.From && (r.To == "" || key < r.To) {
			all = append(all, key+"="+m[key])
		}
	}
	if r.Reverse {
		slices.Reverse(all)
	}
	return all
}

// TestReadsShowAllWrites holds the contract against a map: whatever is saved, waits or was saved by
// the process before, a walk shows the last write of each key, in order.
func TestReadsShowAllWrites(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	key := func() string { return strings.Repeat("k", 1+random.IntN(3)) + fmt.Sprint(random.IntN(60)) }
	dir := t.TempDir()
	f, _ := opened(t, dir)
	want := model{}
	for i := range 3000 {
		switch random.IntN(40) {
		case 0:
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
		case 1:
			closed(t, f)
			f, _ = opened(t, dir)
		default:
			k, v := key(), fmt.Sprint(i)
			if random.IntN(3) == 0 {
				f.Write(Change{Bucket: "b", Key: k, Delete: true})
				delete(want, k)
			} else {
				f.Write(Change{Bucket: "b", Key: k, Value: []byte(v)}, Change{Bucket: "other", Key: k, Value: []byte(v)})
				want[k] = v
			}
		}
		r := Range{Reverse: random.IntN(2) == 0}
		if random.IntN(2) == 0 {
			r.From = key()
		}
		if random.IntN(2) == 0 {
			r.To = key()
		}
		if got := walked(t, f, "b", r); !slices.Equal(got, want.within(r)) {
			t.Fatalf("after %d steps, %+v:\n%q, want\n%q", i, r, got, want.within(r))
		}
		k := key()
		if v, found, err := f.Get("b", k); err != nil || found != (want[k] != "") || string(v) != want[k] {
			t.Fatalf("%s is %q, %t, %v, want %q", k, v, found, err, want[k])
		}
	}
	closed(t, f)
}

// TestValues: an empty value is not none, and any octets come back.
func TestValues(t *testing.T) {
	dir := t.TempDir()
	f, log := opened(t, dir)
	large := bytes.Repeat([]byte("large "), 1<<20)
	all := map[string][]byte{"empty": {}, "nil": nil, "octets": {0, 255, '\n'}, "\x00\xff": []byte("v"), strings.Repeat("k", maxKey): large}
	for key, value := range all {
		f.Write(Change{Bucket: "b", Key: key, Value: bytes.Clone(value)})
	}
	for range 2 {
		for key, value := range all {
			if got, found, err := f.Get("b", key); err != nil || !found || !bytes.Equal(got, value) {
				t.Errorf("%.20q: %d octets, %t, %v", key, len(got), found, err)
			}
		}
		closed(t, f)
		f, _ = opened(t, dir)
	}
	f.Write(Change{Bucket: "b", Key: "good", Value: []byte("1")}, Change{Bucket: "b", Value: []byte("no key")})
	if _, found, _ := f.Get("b", "good"); found || f.Health().Dropped != 2 {
		t.Errorf("half of a Write took effect: %+v", f.Health())
	}
	closed(t, f)
	if log.String() != "" {
		t.Errorf("logged: %s", log)
	}
}

// TestWalkIsOneInstant: writes and batches that come while a walk is under way do not disturb it.
func TestWalkIsOneInstant(t *testing.T) {
	f, _ := opened(t, t.TempDir())
	defer closed(t, f)
	for i := range 500 {
		f.Write(Change{Bucket: "b", Key: fmt.Sprintf("%03d", i), Value: []byte("0")})
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	saved := make(chan error, 1)
	count := 0
	err := f.Walk("b", Range{}, func(key string, value []byte) bool {
		if count++; count == 2 {
			for i := range 500 {
				f.Write(Change{Bucket: "b", Key: fmt.Sprintf("%03d", i), Delete: true})
			}
			go func() { saved <- f.Sync() }()
			time.Sleep(10 * time.Millisecond)
		}
		return string(value) == "0"
	})
	if err != nil || count != 500 {
		t.Errorf("%d keys, %v", count, err)
	}
	if err := <-saved; err != nil {
		t.Error(err)
	}
	if left := walked(t, f, "b", Range{}); len(left) != 0 {
		t.Errorf("%d keys are left", len(left))
	}
}

// TestPairsStayTogether is for the race detector, and for the law that changes of one Write are seen
// together: two keys are always written alike.
func TestPairsStayTogether(t *testing.T) {
	f, _ := opened(t, t.TempDir())
	var writers, readers sync.WaitGroup
	end := make(chan struct{})
	for w := range 3 {
		writers.Go(func() {
			for i := range 2000 {
				v := []byte(fmt.Sprintf("%d.%d", w, i))
				f.Write(Change{Bucket: "b", Key: "a", Value: v}, Change{Bucket: "b", Key: "z", Value: v})
				if i%200 == 0 {
					if err := f.Sync(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for {
				var values []string
				if err := f.Walk("b", Range{}, func(_ string, v []byte) bool { values = append(values, string(v)); return true }); err != nil {
					t.Error(err)
				}
				if len(values) == 2 && values[0] != values[1] || len(values) == 1 {
					t.Errorf("half of a Write is seen: %q", values)
				}
				select {
				case <-end:
					return
				default:
				}
			}
		})
	}
	writers.Wait()
	close(end)
	readers.Wait()
	closed(t, f)
}

// TestSavedByItself: nobody calls Sync, and a second later it is on the disk.
func TestSavedByItself(t *testing.T) {
	f, _ := opened(t, t.TempDir())
	defer closed(t, f)
	f.Write(Change{Bucket: "b", Key: "k", Value: []byte("v")})
	for end := time.Now().Add(10 * time.Second); f.Health().Waiting > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it was not saved")
		}
	}
}

// TestTooMuchWaits: what waits is bounded, and what is dropped is counted.
func TestTooMuchWaits(t *testing.T) {
	f, log := opened(t, t.TempDir())
	f.saving.Lock() // nothing is saved meanwhile
	f.mu.Lock()
	f.waiting.bytes = maxWaiting - 10*maxValue // as if there was much
	f.mu.Unlock()
	for i := range 12 {
		f.Write(Change{Bucket: "b", Key: fmt.Sprint(i), Value: make([]byte, maxValue)})
	}
	h := f.Health()
	f.mu.Lock()
	f.waiting = pending{} // which nobody wants on a disk
	f.mu.Unlock()
	f.saving.Unlock()
	if h.Dropped != 3 || h.Waiting != 9 || strings.Count(log.String(), "state is lost") != 1 {
		t.Errorf("%+v\n%s", h, log)
	}
	closed(t, f)
}

// TestSecondDaemon: while one has the state, another is refused within a bit more than a second and
// the error says by whom; a command likewise.
func TestSecondDaemon(t *testing.T) {
	dir := t.TempDir()
	f, _ := opened(t, dir)
	for name, try := range map[string]func() error{
		"daemon":  func() error { _, err := Open(Options{Dir: dir, Log: slog.New(slog.DiscardHandler)}); return err },
		"command": func() error { _, err := ReadStandings(dir); return err },
	} {
		began := time.Now()
		err := try()
		if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another onbehalf uses state_dir "+dir) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took < lockTime/2 || took > 2*lockTime {
			t.Errorf("%s: after %s", name, took)
		}
	}
	closed(t, f)
	f, _ = opened(t, dir)
	closed(t, f)
}
