package disk

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"onbehalf/remedy"
)

// TestOpen holds that whatever stands in the place of a file, opening it ends at once, with a
// cause and a fix.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, syscall.Mkfifo(at("fifo"), 0o600))
	must(t, os.Symlink(at("fifo"), at("link")))
	listener, err := net.Listen("unix", at("socket"))
	must(t, err)
	defer listener.Close()
	must(t, os.WriteFile(at("file"), []byte("text"), 0o600))
	must(t, os.WriteFile(at("huge"), nil, 0o600))
	must(t, os.Truncate(at("huge"), 1<<40))
	for path, want := range map[string]struct {
		cause string
		is    error
	}{
		at("fifo"):      {"is not a regular file", ErrKind},
		at("link"):      {"is not a regular file", ErrKind},
		at("socket"):    {"is not a regular file", nil},
		"/dev/zero":     {"is not a regular file", ErrKind},
		"/dev/tty":      {"is not a regular file", nil},
		dir:             {"is a directory", syscall.EISDIR},
		at("huge"):      {"is larger than 1 KiB", ErrLarge},
		at("none"):      {"does not exist", fs.ErrNotExist},
		at("file/none"): {"is not a directory", syscall.ENOTDIR},
	} {
		began := time.Now()
		_, err := Read(path, 1<<10)
		cause, fix := remedy.Of(err, "")
		if cause != want.cause || fix == "" || want.is != nil && !errors.Is(err, want.is) {
			t.Errorf("%s: %v, want %q", path, err, want.cause)
		}
		if time.Since(began) > time.Second {
			t.Errorf("%s took %s", path, time.Since(began))
		}
	}
	if text, err := Read(at("file"), 4); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestDenied makes the error of a file that we may not read, because root may read all.
func TestDenied(t *testing.T) {
	cause, fix := remedy.Of(Explain("/x", &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrPermission}), "")
	if !strings.HasPrefix(cause, "permission denied for user ") || !strings.Contains(fix, "run: chgrp ") {
		t.Errorf("got %q; %q", cause, fix)
	}
	odd := errors.New("disk is on fire; put it out")
	if cause, fix := remedy.Of(Explain("/x", &fs.PathError{Op: "open", Path: "/x", Err: odd}), ""); cause != "disk is on fire; put it out" || fix != "" {
		t.Errorf("got %q; %q", cause, fix)
	}
}

// TestPrivate holds that a key or secret is refused by what others may do with its file.
func TestPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(path, []byte("text"), 0o600))
	for mode := range fs.FileMode(0o1000) {
		must(t, os.Chmod(path, mode))
		_, err := ReadPrivate(path, 10)
		if good := mode&^0o640 == 0; (TooOpen(path, mode) == nil) != good || mode&0o400 != 0 && (err == nil) != good {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}

// TestReplace holds that the old file stays until the new one is whole, whatever stands in
// the place of the draft.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	full := errors.New("disk full")
	write := func(text string, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			io.WriteString(w, text)
			return err
		}
	}
	must(t, Replace(path, 0o640, write("old", nil)))
	must(t, syscall.Mkfifo(path+".new", 0o600))
	if err := Replace(path, 0o640, write("half", full)); !errors.Is(err, full) {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); string(text) != "old" {
		t.Errorf("%q, %v", text, err)
	}
	must(t, syscall.Mkfifo(path+".new", 0o600))
	must(t, Replace(path, 0o640, write("new", nil)))
	text, err := os.ReadFile(path)
	info, _ := os.Stat(path)
	if string(text) != "new" || info.Mode() != 0o640 {
		t.Errorf("%q with mode %v, %v", text, info.Mode(), err)
	}
	if listed, _ := os.ReadDir(dir); len(listed) != 1 {
		t.Error("a draft was left behind")
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, Create(path, Private, []byte("first")))
	if err := Create(path, Private, []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if text, _ := os.ReadFile(path); string(text) != "first" {
		t.Errorf("%q", text)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
