package disk

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestStamp: whatever is done to a file shows.
func TestStamp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	if OpenStamp(path) != (Stamp{}) {
		t.Error("a file that is not there has a stamp")
	}
	if err := os.WriteFile(path, []byte("one\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	first := OpenStamp(path)
	if first == (Stamp{}) || first != OpenStamp(path) {
		t.Errorf("%+v, then %+v", first, OpenStamp(path))
	}
	info, _ := os.Stat(path)
	for _, change := range []struct {
		what string
		do   func() error
	}{
		{"written in place, with its old times", func() error {
			os.WriteFile(path, []byte("two\n"), 0)
			return os.Chtimes(path, info.ModTime(), info.ModTime())
		}},
		{"longer", func() error { return os.WriteFile(path, []byte("three\n"), 0) }},
		{"another mode", func() error { return os.Chmod(path, 0o600) }},
		{"another file in its place", func() error {
			os.WriteFile(path+".new", []byte("three\n"), 0o600)
			return os.Rename(path+".new", path)
		}},
	} {
		before := OpenStamp(path)
		time.Sleep(20 * time.Millisecond) // file systems count time in steps
		if err := change.do(); err != nil {
			t.Fatal(err)
		}
		if OpenStamp(path) == before {
			t.Errorf("%s: it has the same stamp", change.what)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if OpenStamp(path) != (Stamp{}) || StampOf(path) == (Stamp{}) {
		t.Error("a folder is a file that may be read, or has no stamp at all")
	}
}

// TestSettled: what was written just before may be written to again without a change of its stamp.
func TestSettled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s, now := OpenStamp(path), time.Now()
	if s.Settled(now) || s.Settled(now.Add(-time.Hour)) || !s.Settled(now.Add(time.Minute)) || (Stamp{}).Settled(now) {
		t.Error("it is settled too soon, or never")
	}
}
