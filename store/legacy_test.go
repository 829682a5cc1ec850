package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"onbehalf/tenant"
)

// legacyText returns what an older version has saved.
func legacyText(t *testing.T, written time.Time, all []tenant.Standing) []byte {
	t.Helper()
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	count := len(all)
	lines := []any{legacyHead{legacyFormat, legacyVersion, Times{written, []time.Time{noon}}}}
	for _, s := range all {
		lines = append(lines, s)
	}
	for _, line := range append(lines, legacyFoot{&count}) {
		if err := encoder.Encode(line); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// TestMigration: what an older version has saved is taken over once, and its file kept aside. After a
// downgrade there may be another one: it counts when it is newer than the state.
func TestMigration(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, legacyName)
	all := fullStandings(t)
	text := legacyText(t, noon, all)
	overwrite(t, path, text)
	if read, err := ReadStandings(dir); err != nil || !reflect.DeepEqual(read, all) {
		t.Errorf("a command reads %+v, %v", read, err)
	}
	f, log := opened(t, dir)
	if loaded, err := LoadStandings(f); err != nil || !reflect.DeepEqual(loaded, all) {
		t.Errorf("%v\n%+v, want\n%+v", err, loaded, all)
	}
	if times := LoadTimes(f); !times.Written.Equal(noon) || len(times.Besides) != 1 {
		t.Errorf("times %+v", times)
	}
	if kept, err := os.ReadFile(path + ".migrated"); err != nil || !bytes.Equal(kept, text) || !strings.Contains(log.String(), "are taken over") {
		t.Errorf("it is not kept aside: %v\n%s", err, log)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
	SaveTimes(f, Times{Written: noon.Add(time.Hour)})
	closed(t, f)
	for _, again := range []struct {
		at   time.Time
		want tenant.State
	}{{noon.Add(time.Minute), tenant.Warning}, {noon.Add(2 * time.Hour), tenant.Pending}} {
		later := all[2]
		later.SPF.State = tenant.Pending
		overwrite(t, path, legacyText(t, again.at, []tenant.Standing{later}))
		f, _ := opened(t, dir)
		if loaded, err := LoadStandings(f); err != nil || len(loaded) != 3 || loaded[2].SPF.State != again.want {
			t.Errorf("of %s: %v, %+v", again.at, err, loaded)
		}
		closed(t, f)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("of %s: it is still there: %v", again.at, err)
		}
	}
}

// migrated starts with a legacy file that is not whole, and returns what was taken over. It is set
// aside as it was, with one warning.
func migrated(t *testing.T, text []byte) []tenant.Standing {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, legacyName)
	overwrite(t, path, text)
	f, log := opened(t, dir)
	all, err := LoadStandings(f)
	if err != nil {
		t.Fatal(err)
	}
	closed(t, f)
	if aside, _ := filepath.Glob(path + ".damaged-*"); len(aside) == 1 {
		if kept, err := os.ReadFile(aside[0]); err != nil || !bytes.Equal(kept, text) {
			t.Errorf("set aside: %q, %v", kept, err)
		}
		if strings.Count(log.String(), "level=WARN") != 1 {
			t.Errorf("logged:\n%s", log)
		}
	} else if _, err := os.Stat(path + ".migrated"); err != nil {
		t.Errorf("neither taken over nor set aside\n%s", log)
	}
	return all
}

// TestTornLegacy cuts a file off behind some of its octets, and zeroes its end, as some file systems do
// after a power cut. Only the last octet, a line end, may be missing.
func TestTornLegacy(t *testing.T) {
	text := legacyText(t, noon, fullStandings(t)[1:])
	for n := 0; n < len(text)-1; n += 3 {
		zeroed := bytes.Clone(text)
		clear(zeroed[n:])
		for what, torn := range map[string][]byte{"cut off": text[:n], "zeroes": zeroed} {
			if all := migrated(t, torn); len(all) > 0 {
				t.Fatalf("%s after %d of %d octets: %d domains", what, n, len(text), len(all))
			}
		}
	}
	if all := migrated(t, text[:len(text)-1]); len(all) != 2 {
		t.Errorf("without the last line end: %d domains", len(all))
	}
}

func TestForeignLegacy(t *testing.T) {
	const head = `{"format":"onbehalf standings","version":1,"written":"2026-03-01T12:00:00Z"}` + "\n"
	tests := []struct{ name, text, want string }{
		{"empty", "", "does not hold standings"},
		{"text", "hello\n", "does not hold standings"},
		{"other JSON", `{"format":"something else","version":1}`, "does not hold standings"},
		{"an array", `[]`, "does not hold standings"},
		{"null", `null`, "does not hold standings"},
		{"zeroes", strings.Repeat("\x00", 5000), "does not hold standings"},
		{"one line", strings.Repeat("x", 3*maxLine), "does not hold standings"},
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
			path := filepath.Join(t.TempDir(), legacyName)
			overwrite(t, path, []byte(test.text))
			old, err := readLegacy(path)
			if !errors.Is(err, errDamaged) || old.standings != nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%d domains, error %v, want one about %q", len(old.standings), err, test.want)
			}
			if all := migrated(t, []byte(test.text)); len(all) > 0 {
				t.Errorf("%d domains are taken over", len(all))
			}
		})
	}
}

// TestOddLegacy: what stands in the place of the file, and never ends or never begins, is set aside
// at once. A folder may hold anything: it is not moved, and nothing is saved.
func TestOddLegacy(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"FIFO":   func(path string) error { return syscall.Mkfifo(path, 0o640) },
		"device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"huge":   func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o640), os.Truncate(path, 1<<40)) },
		"folder": func(path string) error { return os.Mkdir(path, 0o750) },
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, legacyName)
		if err := put(path); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		f, _ := opened(t, dir)
		if took := time.Since(began); took > time.Second {
			t.Errorf("%s: the start takes %s", name, took)
		}
		if why, fix := f.Health().Advice(); (why != "") != (name == "folder") || why != "" && !strings.HasSuffix(why+"; "+fix,
			path+": is a directory; move it away, then run: systemctl restart onbehalf") {
			t.Errorf("%s: %s; %s", name, why, fix)
		}
		if err := f.Close(); (err != nil) != (name == "folder") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(path); (err == nil) != (name == "folder") {
			t.Errorf("%s: it is there: %v", name, err)
		}
	}
}
