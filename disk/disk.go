// Package disk opens, reads and replaces the files of the program. What stands in the place of
// a file may be anything that a person, a package or an attacker has left there: a FIFO that
// nobody writes to, a device without an end, a folder, a disk image. None of it may hang the
// start or a reload, or fill the memory, so all files are opened here.
//
// Errors that the person who put the file there can fix are a *remedy.Error; for a folder it wraps
// syscall.EISDIR.
package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"onbehalf/remedy"
)

// What the errors about files of the wrong kind or size wrap.
var (
	ErrKind  = errors.New("not a regular file") // but a FIFO, socket or device
	ErrLarge = errors.New("larger than the bound")
)

// Open opens a regular file of at most so many bytes. What is asked about the file is asked of
// the open descriptor: a path may lead elsewhere a moment later.
func Open(path string, most int64) (*os.File, fs.FileInfo, error) {
	// O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever. O_NOCTTY: a terminal
	// must not become ours.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, Explain(path, err)
	}
	info, err := f.Stat()
	if err == nil {
		err = fits(info, most)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

func fits(info fs.FileInfo, most int64) error {
	switch {
	case info.IsDir():
		return &remedy.Error{Cause: "is a directory", Fix: "name a file in it", Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		return irregular()
	case info.Size() > most:
		return tooLarge(most)
	}
	return nil
}

func irregular() error {
	return &remedy.Error{Cause: "is not a regular file", Fix: "replace it with a regular file", Err: ErrKind}
}

func tooLarge(most int64) error {
	return &remedy.Error{Cause: "is larger than " + size(most), Fix: "replace it with a smaller one", Err: ErrLarge}
}

func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// Explain returns in plain words why a file or folder could not be opened.
func Explain(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &remedy.Error{Cause: "does not exist", Fix: "create it, or correct the path", Err: err}
	case errors.Is(err, fs.ErrPermission):
		return denied(path, err)
	case errors.Is(err, syscall.ENOTDIR):
		return &remedy.Error{Cause: "is not a directory", Fix: "name a folder, or correct the path", Err: err}
	case errors.Is(err, syscall.ENXIO), errors.Is(err, syscall.ENODEV): // a socket, a device without a driver
		return irregular()
	}
	return Reason(err)
}

// denied names the user that was refused, and what lets its group in.
func denied(path string, err error) error {
	who, group := strconv.Itoa(os.Geteuid()), strconv.Itoa(os.Getegid())
	if u, err := user.LookupId(who); err == nil {
		who = u.Username
	}
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return &remedy.Error{Cause: "permission denied for user " + who,
		Fix: fmt.Sprintf("run: chgrp %s %s && chmod g+rX %s, and let the group enter the folders above it", group, path, path), Err: err}
}

// Reason returns an error of the system without the name of the call and the paths, which the
// report of it has already.
func Reason(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	var link *os.LinkError // of a rename, too
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}

// Read returns what is in a regular file of at most so many bytes.
func Read(path string, most int64) ([]byte, error) {
	f, info, err := Open(path, most)
	if err != nil {
		return nil, err
	}
	return readAll(f, info, most)
}

// ReadPrivate is Read for a key or secret: only its owner and group may have access,
// see TooOpen.
func ReadPrivate(path string, most int64) ([]byte, error) {
	f, info, err := Open(path, most)
	if err != nil {
		return nil, err
	}
	if err := TooOpen(path, info.Mode()); err != nil {
		f.Close()
		return nil, err
	}
	return readAll(f, info, most)
}

// readAll reads a file and closes it. It may have grown meanwhile.
func readAll(f *os.File, info fs.FileInfo, most int64) ([]byte, error) {
	defer f.Close()
	b := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	if _, err := b.ReadFrom(io.LimitReader(f, most+1)); err != nil {
		return nil, Reason(err)
	}
	if int64(b.Len()) > most {
		return nil, tooLarge(most)
	}
	return b.Bytes(), nil
}

// Private is the widest mode that a file with a key or secret may have: its owner reads and
// writes, its group reads.
const Private fs.FileMode = 0o640

// TooOpen returns what is wrong with the mode of a file that holds a key or secret; nil: nothing.
func TooOpen(path string, mode fs.FileMode) error {
	mode = mode.Perm()
	fix := "run: chmod 0640 " + path
	switch {
	case mode&0o007 != 0:
		return remedy.New(fix+", and make a new one if others may have read it", "has mode %04o, so every user of the host can use it", mode)
	case mode&^Private != 0:
		return remedy.New(fix, "has mode %04o, which is wider than %04o", mode, Private)
	}
	return nil
}

// Replace writes a file of a mode and puts it in the place of the one at the path, if there is
// one: a crash leaves the one or the other. Once it returns nil the new one is on the disk.
func Replace(path string, mode fs.FileMode, write func(io.Writer) error) (err error) {
	if err := os.Remove(path + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a crash
		return err
	}
	draft, err := create(path + ".new")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			draft.Close()
			os.Remove(draft.Name())
		}
	}()
	if err := write(draft); err != nil {
		return err
	}
	if err := finish(draft, mode); err != nil {
		return err
	}
	if err := os.Rename(draft.Name(), path); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// create makes a file that was not there.
func create(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// Create writes a file that was not there. It never overwrites, and leaves nothing behind when
// it fails; the error is then fs.ErrExist or one of the system. Once it returns nil the file is on
// the disk.
func Create(path string, mode fs.FileMode, text []byte) error {
	f, err := create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, finish(f, mode)); err != nil {
		os.Remove(path)
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// finish closes a new file. Its mode is set at the end: until then it is its owner's alone, and
// the umask may narrow it.
func finish(f *os.File, mode fs.FileMode) error {
	return errors.Join(f.Chmod(mode), f.Sync(), f.Close())
}

// SyncFolder makes the names in a folder last, as fsync does the content of a file.
func SyncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
