package doctor

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// guise is as whom, and from where, something is tried.
type guise struct {
	who  *account // nil: as ourselves
	root string   // chroot there; empty: none
	dir  string   // relative paths begin there, seen from inside; empty: where we are
}

// try runs f under a guise. For the kernel, identity, root and working directory belong to
// a thread: here one is spoilt for it that ends with f, and all others stay as they are. That is
// why the calls are raw ones: those of package syscall change every thread. f must not
// start goroutines, which run on other threads. The error says that the guise could not be
// put on, and f was not run.
func (g guise) try(f func()) error {
	ended := make(chan error)
	go onSpareThread(func() {
		err := g.putOn()
		if err == nil {
			f()
		}
		ended <- err
	})
	return <-ended
}

// onSpareThread runs f on a thread that ends with it, because it is never unlocked. The first
// thread cannot end, and speaks for the process in /proc: it is kept busy meanwhile.
func onSpareThread(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		onSpareThread(f)
	}()
	<-done
	runtime.UnlockOSThread()
}

func (g guise) putOn() error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil { // root and directory are the thread's own now
		return fmt.Errorf("unshare: %w", err)
	}
	if g.root != "" {
		if err := unix.Chroot(g.root); err != nil {
			return fmt.Errorf("chroot %s: %w", g.root, err)
		}
	}
	if g.dir != "" {
		if err := unix.Chdir(g.dir); err != nil {
			return fmt.Errorf("%s: %w", g.dir, err)
		}
	}
	if g.who == nil {
		return nil
	}
	return g.who.become()
}

// become gives up what we are, on this thread alone; with user 0 go the capabilities.
func (a *account) become() error {
	groups := unsafe.Pointer(unsafe.SliceData(a.groups))
	if _, _, no := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(a.groups)), uintptr(groups), 0); no != 0 {
		return fmt.Errorf("setgroups: %w", no)
	}
	gid, uid := uintptr(a.gid), uintptr(a.uid)
	if _, _, no := unix.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); no != 0 {
		return fmt.Errorf("setresgid: %w", no)
	}
	if _, _, no := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); no != 0 {
		return fmt.Errorf("setresuid: %w", no)
	}
	return nil
}
