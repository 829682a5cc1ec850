package authorize

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

// fill sets every field of a value to something that is not zero, and to another value
// each time.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(noon.Add(time.Duration(*n) * time.Nanosecond)))
	case v.Type() == reflect.TypeFor[message.Domain]():
		v.Set(reflect.ValueOf(dom(t, strings.Repeat("a", *n)+".example")))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), n)
		fill(t, v.Index(1), n)
	case v.Kind() == reflect.String:
		v.SetString(strings.Repeat("<é\u2028\n", *n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("a %s: teach fill about it", v.Type())
	}
}

// TestStoreKeepsEveryField fails when a field is added to Standing that JSON does not
// carry.
func TestStoreKeepsEveryField(t *testing.T) {
	var full tenant.Standing
	n := 0
	fill(t, reflect.ValueOf(&full).Elem(), &n)
	all := []tenant.Standing{full, {Domain: dom(t, "empty.example")}, fullStanding(t, tenant.Warning)}
	s := StoreIn(t.TempDir())
	if err := s.Save(all); err != nil {
		t.Fatal(err)
	}
	loaded, written, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(loaded, all) {
		t.Errorf("loaded\n%+v, saved\n%+v", loaded, all)
	}
	if age := time.Since(written); age < 0 || age > time.Minute {
		t.Errorf("it was written at %s", written)
	}
}

// TestStoreKeepsTimes: what time it may be besides outlives a restart.
func TestStoreKeepsTimes(t *testing.T) {
	s := StoreIn(t.TempDir())
	if written, besides := s.Times(); !written.IsZero() || besides != nil {
		t.Errorf("before anything was saved: %s, %s", written, besides)
	}
	s.Besides = func() []time.Time { return []time.Time{noon} }
	saved(t, s)
	written, besides := s.Times()
	if time.Since(written).Abs() > time.Minute || len(besides) != 1 || !besides[0].Equal(noon) {
		t.Errorf("%s, %s", written, besides)
	}
	overwrite(t, s.Path, []byte("{\n"))
	if written, _ := s.Times(); !written.IsZero() {
		t.Errorf("of a torn file: %s", written)
	}
}

func TestStoreOfNothing(t *testing.T) {
	s := StoreIn(t.TempDir())
	if _, _, err := s.Load(); !errors.Is(err, ErrNoStore) {
		t.Errorf("before anything was saved: %v", err)
	}
	if err := s.Save(nil); err != nil {
		t.Fatal(err)
	}
	if all, _, err := s.Load(); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

// saved gives the octets of a store with two domains.
func saved(t *testing.T, s Store) []byte {
	t.Helper()
	if err := s.Save([]tenant.Standing{fullStanding(t, tenant.Active), {Domain: dom(t, "other.example")}}); err != nil {
		t.Fatal(err)
	}
	octets, err := os.ReadFile(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	return octets
}

func overwrite(t *testing.T, path string, octets []byte) {
	t.Helper()
	if err := os.WriteFile(path, octets, 0o640); err != nil {
		t.Fatal(err)
	}
}

// TestTornStore cuts a file off behind each of its octets. Only the last, a line
// end, may be missing.
func TestTornStore(t *testing.T) {
	s := StoreIn(t.TempDir())
	whole := saved(t, s)
	for n := range len(whole) - 1 {
		overwrite(t, s.Path, whole[:n])
		if all, _, err := s.Load(); err == nil || all != nil || errors.Is(err, ErrNoStore) {
			t.Fatalf("after %d of %d octets: %d domains, error %v", n, len(whole), len(all), err)
		}
	}
	overwrite(t, s.Path, whole[:len(whole)-1])
	if all, _, err := s.Load(); err != nil || len(all) != 2 {
		t.Errorf("without the last line end: %v", err)
	}
}

// TestDamagedStore zeroes a part of a file, as some file systems do after a power cut.
func TestDamagedStore(t *testing.T) {
	s := StoreIn(t.TempDir())
	whole := saved(t, s)
	for n := range whole {
		part := append([]byte(nil), whole...)
		clear(part[n:])
		overwrite(t, s.Path, part)
		if all, _, err := s.Load(); (err == nil || all != nil) && n < len(whole)-1 {
			t.Fatalf("zeroes from octet %d on: %d domains, error %v", n, len(all), err)
		}
	}
}

// TestStoreOfAnotherKind: what stands in the place of the file, and never ends or never begins,
// is not what Save left. A folder may hold anything, and is not moved.
func TestStoreOfAnotherKind(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"FIFO":   func(path string) error { return syscall.Mkfifo(path, 0o640) },
		"device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"huge":   func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o640), os.Truncate(path, 1<<40)) },
		"one line": func(path string) error {
			return os.WriteFile(path, bytes.Repeat([]byte("x"), 3*maxLine), 0o640)
		},
		"folder": func(path string) error { return os.Mkdir(path, 0o750) },
	} {
		s := StoreIn(t.TempDir())
		if err := put(s.Path); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, _, err := s.Load()
		if err == nil || errors.Is(err, ErrNoStore) || errors.Is(err, ErrDamaged) != (name != "folder") || time.Since(began) > time.Second {
			t.Errorf("%s: %v after %s", name, err, time.Since(began))
		}
		if name == "folder" {
			continue
		}
		if _, err := s.SetAside(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		saved(t, s)
		if all, _, err := s.Load(); err != nil || len(all) != 2 {
			t.Errorf("after a %s: %v, %v", name, all, err)
		}
	}
}

func TestForeignStore(t *testing.T) {
	const head = `{"format":"onbehalf standings","version":1,"written":"2026-03-01T12:00:00Z"}` + "\n"
	tests := []struct{ name, text, want string }{
		{"empty", "", "does not hold standings"},
		{"text", "hello\n", "does not hold standings"},
		{"other JSON", `{"format":"something else","version":1}`, "does not hold standings"},
		{"an array", `[]`, "does not hold standings"},
		{"null", `null`, "does not hold standings"},
		{"zeroes", strings.Repeat("\x00", 5000), "does not hold standings"},
		{"a later version", strings.Replace(head, ":1,", ":2,", 1) + `{"domains":0}`, "version 2"},
		{"no version", `{"format":"onbehalf standings"}`, "version 0"},
		{"too few", head + `{"domains":1}`, "should hold 1 domains and holds 0"},
		{"too many", head + `{"domain":"a.example"}` + "\n" + `{"domains":0}`, "should hold 0 domains and holds 1"},
		{"no domain", head + `{}` + "\n" + `{"domains":1}`, "not about any"},
		{"a broken domain", head + `{"domain":"a..example"}` + "\n" + `{"domains":1}`, "damaged"},
		{"a broken time", head + `{"domain":"a.example","seen":"yesterday"}` + "\n" + `{"domains":1}`, "damaged"},
		{"two of them", head + `{"domains":0}` + "\n" + head + `{"domains":0}`, "after its end"},
		{"rubbish behind", head + `{"domains":0}` + "\n}", "after its end"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := StoreIn(t.TempDir())
			overwrite(t, s.Path, []byte(test.text))
			all, _, err := s.Load()
			if err == nil || all != nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), s.Path) {
				t.Errorf("%d domains, error %v, want one about %q", len(all), err, test.want)
			}
			aside, err := s.SetAside()
			if err != nil {
				t.Fatal(err)
			}
			if kept, err := os.ReadFile(aside); err != nil || string(kept) != test.text {
				t.Errorf("set aside: %q, %v", kept, err)
			}
			if _, _, err := s.Load(); !errors.Is(err, ErrNoStore) {
				t.Errorf("after it was set aside: %v", err)
			}
			saved(t, s) // and a new one can take its place
		})
	}
}

func TestStoreIsFolder(t *testing.T) {
	s := StoreIn(t.TempDir())
	if err := os.Mkdir(s.Path, 0o750); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Load(); err == nil || errors.Is(err, ErrNoStore) {
		t.Errorf("load: %v", err)
	}
	if err := s.Save(nil); err == nil {
		t.Error("a folder was overwritten")
	}
	expectFiles(t, s, "standings.jsonl")
	if _, err := s.SetAside(); err != nil {
		t.Error(err)
	}
	saved(t, s)
}

// expectFiles compares the names in the folder of a store.
func expectFiles(t *testing.T, s Store, want ...string) {
	t.Helper()
	files, err := os.ReadDir(filepath.Dir(s.Path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	if !reflect.DeepEqual(names, want) {
		t.Errorf("the folder holds %q, want %q", names, want)
	}
}

// TestStoreWithoutFolder has nowhere to write to. The test may be run by root, whom
// no mode stops.
func TestStoreWithoutFolder(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	overwrite(t, file, nil)
	for _, dir := range []string{filepath.Join(folder, "absent"), file} {
		if err := StoreIn(dir).Save(nil); err == nil {
			t.Errorf("%s: it was saved", dir)
		}
	}
}

// TestCrashWhileSaving finds what a crash before the rename leaves.
func TestCrashWhileSaving(t *testing.T) {
	s := StoreIn(t.TempDir())
	whole := saved(t, s)
	overwrite(t, s.Path+".new", whole[:len(whole)/2])
	if all, _, err := s.Load(); err != nil || len(all) != 2 {
		t.Errorf("%d domains, %v", len(all), err)
	}
	if err := s.Save([]tenant.Standing{{Domain: dom(t, "third.example")}}); err != nil {
		t.Fatal(err)
	}
	if all, _, err := s.Load(); err != nil || len(all) != 1 {
		t.Errorf("%d domains, %v", len(all), err)
	}
	expectFiles(t, s, "standings.jsonl")
}

// TestStoreFollowsNoLink writes through no link that someone put there.
func TestStoreFollowsNoLink(t *testing.T) {
	s := StoreIn(t.TempDir())
	target := filepath.Join(t.TempDir(), "target")
	overwrite(t, target, []byte("precious"))
	if err := os.Symlink(target, s.Path+".new"); err != nil {
		t.Fatal(err)
	}
	saved(t, s)
	if text, err := os.ReadFile(target); err != nil || string(text) != "precious" {
		t.Errorf("it is now %q", text)
	}
}

func TestStoreMode(t *testing.T) {
	s := StoreIn(t.TempDir())
	for range 2 {
		saved(t, s)
		info, err := os.Stat(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != fs.FileMode(0o640) {
			t.Errorf("mode %s", info.Mode())
		}
	}
	expectFiles(t, s, "standings.jsonl")
}
