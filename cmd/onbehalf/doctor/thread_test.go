package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"onbehalf/test/peer"
)

// stranger is a user that owns nothing.
var stranger = &account{name: "nobody", uid: 65534, gid: 65534, groups: []uint32{65534, 4242}}

// room makes a folder that anybody may enter, with a name short enough for sockets in it.
func room(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "doctor-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, mode fs.FileMode) string {
	t.Helper()
	must(t, os.WriteFile(path, []byte("x\n"), 0o600))
	must(t, os.Chmod(path, mode))
	return path
}

// TestTry: the guise is whole where it is put on, and nowhere else, ever. Many at a time, beside
// goroutines that look at files as ourselves all the while.
func TestTry(t *testing.T) {
	peer.NeedRoot(t)
	dir := room(t)
	secret := write(t, filepath.Join(dir, "secret"), 0o600)
	write(t, filepath.Join(dir, "open"), 0o644)
	before, err := os.Getwd()
	must(t, err)
	stop := make(chan struct{})
	var others, guises sync.WaitGroup
	for range 4 {
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := os.ReadFile(secret)
				if cwd, failed := os.Getwd(); err != nil || failed != nil || cwd != before || unix.Geteuid() != 0 {
					t.Errorf("beside it we are user %d in %s: %v %v", unix.Geteuid(), cwd, err, failed)
					return
				}
			}
		})
	}
	for range 100 {
		guises.Go(func() {
			err := guise{stranger, dir, "/"}.try(func() { wear(t) })
			if err != nil {
				t.Error(err)
			}
		})
	}
	guises.Wait()
	close(stop)
	others.Wait()
	allOurs(t)
}

// wear looks around from inside of the guise.
func wear(t *testing.T) {
	groups, err := unix.Getgroups()
	slices.Sort(groups) // some kernels do
	if err != nil || !slices.Equal(groups, []int{4242, 65534}) || unix.Getuid() != 65534 || unix.Geteuid() != 65534 || unix.Getegid() != 65534 {
		t.Errorf("we are user %d (%d), groups %v: %v", unix.Getuid(), unix.Geteuid(), groups, err)
	}
	if _, err := os.ReadFile("/secret"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a file of root's: %v", err)
	}
	if _, err := os.ReadFile("open"); err != nil {
		t.Errorf("a file of everybody's, in the chroot: %v", err)
	}
	if _, _, no := unix.RawSyscall(unix.SYS_SETRESUID, 0, 0, 0); no != unix.EPERM {
		t.Error("there is a way back")
	}
}

// allOurs waits until every thread of the process is root's again: those that were not have ended.
func allOurs(t *testing.T) {
	t.Helper()
	var strange string
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		tasks, err := filepath.Glob("/proc/self/task/*/status")
		must(t, err)
		strange = ""
		for _, task := range append(tasks, "/proc/self/status") {
			text, err := os.ReadFile(task)
			if err == nil && !strings.Contains(string(text), "\nUid:\t0\t0\t0\t0\n") {
				strange = string(text)
			}
		}
		if strange == "" {
			return
		}
	}
	t.Errorf("a thread stays somebody else:\n%s", strange)
}

func TestTryFails(t *testing.T) {
	ran := false
	err := guise{root: "/nonexistent"}.try(func() { ran = true })
	if err == nil || ran {
		t.Errorf("%v, and f ran: %v", err, ran)
	}
	if os.Geteuid() != 0 {
		if err := (guise{who: stranger}).try(func() { ran = true }); err == nil || ran {
			t.Errorf("somebody else without being root: %v", err)
		}
	}
	if err := (guise{}).try(func() { ran = true }); err != nil || !ran {
		t.Errorf("as ourselves: %v", err)
	}
}
