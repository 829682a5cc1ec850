package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const stranger = 65534 // a user that may do no more than others

// TestDamagedInFixedFolder: a damaged file that cannot be set aside, because its folder cannot be
// written to, is logged once and not read again each second. When it can be, that is found out
// without a restart, whether the damage was found at a start or in use.
func TestDamagedInFixedFolder(t *testing.T) {
	for _, found := range []string{"at a start", "in use"} {
		dir := filepath.Join(t.TempDir(), "state")
		if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(filepath.Dir(filepath.Dir(dir)), 0o755), os.Mkdir(dir, 0o755)); err != nil {
			t.Fatal(err)
		}
		overwrite(t, Path(dir), filled(t))
		for _, path := range []string{dir, Path(dir)} {
			if os.Geteuid() == 0 {
				if err := os.Chown(path, stranger, stranger); err != nil {
					t.Fatal(err)
				}
			}
		}
		cmd := child(t, "fixed", dir)
		cmd.Env = append(cmd.Env, "STORE_CHILD_FOUND="+found)
		log := new(buffer)
		cmd.Stderr = log
		out, err := cmd.Output()
		want := Path(dir) + ": it is damaged: "
		if text := string(out); err != nil || !strings.HasPrefix(text, want) || !strings.Contains(text, ", and cannot be set aside: permission denied; let the user that the daemon runs as write to the folder "+dir) ||
			!strings.HasSuffix(text, "\nopened fewer than 4 times in 5s\nthen: <nil>, <nil>\n") || strings.Contains(text, "restart") {
			t.Errorf("%s: %v: %s\n%s", found, err, text, log)
		}
		if text := log.String(); strings.Count(text, "level=ERROR") != 1 || strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "standings can be saved again") {
			t.Errorf("%s: logged:\n%s", found, text)
		}
		if aside, _ := filepath.Glob(Path(dir) + ".damaged-*"); len(aside) != 1 {
			t.Errorf("%s: set aside: %q", found, aside)
		}
		f, _ := opened(t, dir)
		if got := walked(t, f, "b", Range{}); len(got) != 1 || got[0] != "new=v" {
			t.Errorf("%s: then there is %q", found, got)
		}
		closed(t, f)
	}
}

// writeIntoFixed is the child of TestDamagedInFixedFolder.
func writeIntoFixed(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	if os.Geteuid() == 0 {
		fail(errors.Join(syscall.Setgroups(nil), syscall.Setgid(stranger), syscall.Setuid(stranger)))
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, fileMode)
	fail(err)
	lock.Close()
	inUse := os.Getenv("STORE_CHILD_FOUND") == "in use"
	harm := func() { fail(errors.Join(os.Truncate(Path(dir), 2*pageSize), os.Chmod(dir, 0o555))) }
	if !inUse {
		harm()
	}
	f, err := Open(Options{Dir: dir, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	fail(err)
	refilled := make(chan struct{})
	f.SetRefill(func() { close(refilled) })
	if inUse {
		harm()
	}
	f.Walk("b", Range{}, func(string, []byte) bool { return true })
	f.Write(Change{Bucket: "b", Key: "new", Value: []byte("v")})
	tries := 0
	for last, end := f.attempt(), time.Now().Add(5*time.Second); time.Now().Before(end); time.Sleep(tick / 20) {
		if now := f.attempt(); now != last {
			last = now
			tries++
		}
	}
	cause, fix := f.Health().Advice()
	fmt.Printf("%s; %s\n", cause, fix)
	if tries < 4 {
		fmt.Println("opened fewer than 4 times in 5s")
	}
	fail(os.Chmod(dir, 0o755))
	if inUse { // at a start there was nothing yet to ask for
		select {
		case <-refilled:
		case <-time.After(20 * time.Second):
			fmt.Printf("nothing was asked for: %+v\n", f.Health())
		}
	}
	for end := time.Now().Add(20 * time.Second); f.Health().Waiting > 0 && time.Now().Before(end); {
		time.Sleep(tick / 20)
	}
	fmt.Printf("then: %v, %v\n", f.Health().Problem, f.Close())
}

// attempt returns when the file is tried again.
func (f *File) attempt() time.Time {
	f.saving.Lock()
	defer f.saving.Unlock()
	return f.retry
}
