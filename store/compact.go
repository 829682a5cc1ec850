package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"onbehalf/remedy"

	bolt "go.etcd.io/bbolt"
)

// bbolt uses pages again that are free, but a file never becomes smaller by itself, and pages stay as
// they are when values in them become shorter: after an upgrade, or when many tenants have gone, most of
// it may hold nothing, and a start reads all of it.

const (
	largeFile   = 64 << 20 // octets of a file that is worth the trouble
	compactStep = 8 << 20  // octets that are copied in one transaction
)

// compact writes the file again, without what is free in it. It is called before anybody has it
// open, with the lock of the folder: another daemon would go on in the file that is gone. A crash
// leaves the old file or the new one, as a whole; so does a failure.
func (f *File) compact() {
	begun := time.Now()
	before, err := os.Lstat(f.path)
	if err != nil || !before.Mode().IsRegular() { // a link leads to where there is room
		return
	}
	for _, step := range f.compaction(before) {
		if err = step(); err != nil {
			break
		}
	}
	if err != nil {
		os.Remove(f.draft())
		cause, fix := advise(err)
		f.Log.Warn("the state file is mostly free space, and cannot be made smaller", "file", f.path, "bytes", before.Size(), "error", cause, "remedy", fix)
		return
	}
	after, err := os.Lstat(f.path)
	if err != nil {
		return // whoever opens it will say so
	}
	f.Log.Info("the state file was mostly free space, and is smaller now", "file", f.path, "bytes", after.Size(), "before", before.Size(),
		"duration", time.Since(begun).Round(time.Millisecond))
}

// compaction returns the steps, in order. The process may end between any two of them, or within one.
func (f *File) compaction(before fs.FileInfo) []func() error {
	draft := f.draft()
	return []func() error{
		f.removeDraft,
		func() error { return copyUsed(draft, f.path) },
		func() error { _, err := examine(draft); return err },
		func() error { return keepAccess(draft, f.path, before) },
		func() error { return f.putInPlace(draft) },
	}
}

// copyUsed writes a file that holds what another one does, and has it on the disk when it returns.
func copyUsed(to, from string) error {
	source, err := openBolt(from, true)
	if err != nil {
		return err
	}
	defer closeBolt(source)
	target, err := openBolt(to, false)
	if err != nil {
		return err
	}
	defer closeBolt(target)
	target.NoSync = true // until the end
	return plain(contain(func() error {
		if err := bolt.Compact(target, source, compactStep); err != nil {
			return err
		}
		return target.Sync()
	}))
}

// keepAccess gives a file the owner, group and mode of another, at a path.
func keepAccess(to, path string, of fs.FileInfo) error {
	if wanted, known := of.Sys().(*syscall.Stat_t); known {
		err := os.Lchown(to, int(wanted.Uid), int(wanted.Gid))
		if errors.Is(err, fs.ErrPermission) {
			return &remedy.Error{Cause: "it belongs to another user or group than the daemon", Fix: fmt.Sprintf("run: chown %d:%d %s", os.Geteuid(), os.Getegid(), path), Err: err}
		}
		if err != nil {
			return err
		}
	}
	return os.Chmod(to, of.Mode().Perm())
}
