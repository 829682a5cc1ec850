package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"onbehalf/disk"
	"onbehalf/remedy"
)

// What a file of ours says of itself, in a value without a checksum, which every version can read.
const (
	bucketFormat = Bucket("onbehalf")
	formatKey    = "format"
	formatText   = "onbehalf state " // and the version
	version      = 1
)

const (
	maxFile  = 64 << 30 // bytes
	mostKept = 3        // files that were set aside
	longest  = time.Minute
)

// errLeft is wrapped by errors about a file that may be as good as ever, or is of a newer version:
// it is left as it is, and nothing is saved until somebody has looked after it.
var errLeft = errors.New("it is left as it is")

// errNewer is wrapped by the error about a file of a newer version.
var errNewer = errors.New("it is of a newer version")

// Open opens the state of a state_dir, and makes it when there is none. Standings of an older
// version are taken over. A large file of which more than half holds nothing is made smaller, which takes
// some seconds.
//
// It fails only when another daemon has the folder: the error wraps ErrLocked. A file that is
// damaged or foreign is set aside, with a warning in the log. One that may not be read or is of a
// newer version is left as it is: nothing is saved then, and Health says so. Nothing is saved either
// while the folder cannot be written to, or the file not be set aside; that is tried again.
func Open(o Options) (*File, error) {
	f := &File{Options: o, path: Path(o.Dir), end: make(chan struct{})}
	var err error
	if f.lock, err = lockState(o.Dir, unix.LOCK_EX); errors.Is(err, ErrLocked) {
		return nil, fmt.Errorf("%w; stop it first, or give this one its own", err)
	}
	f.saving.Lock()
	defer f.saving.Unlock()
	f.start()
	f.begun = true
	f.ended.Go(f.run)
	return f, nil
}

// start opens what is there. The lock saving is held.
func (f *File) start() {
	old, err := f.readOld()
	if err == nil {
		err = f.ready()
	}
	if errors.Is(err, errLeft) {
		f.leave(err)
	} else {
		f.settle(err)
	}
	if old != nil {
		f.takeOver(*old)
	}
}

// leave has nothing saved until a restart.
func (f *File) leave(err error) {
	cause, fix := remedy.Of(err, "")
	fix += ", then run: systemctl restart onbehalf"
	f.Log.Error("standings of the last run cannot be read: all tenants are looked up again, and nothing is saved", "file", pathOf(err), "error", cause, "remedy", fix)
	err = &remedy.Error{Cause: "standings of the last run cannot be read: " + pathOf(err) + ": " + cause, Fix: fix, Err: err}
	f.fixed, f.health.Problem, f.health.Since = err, err, time.Now()
}

// left returns an error about a file that is left alone.
func left(path string, err error) error {
	cause, fix := remedy.Of(err, "let the user that the daemon runs as read and write it")
	switch {
	case errors.Is(err, syscall.EISDIR):
		fix = "move it away"
	case errors.Is(err, errNewer):
		fix = "install that version again, or move the file away"
	}
	return &remedy.Error{Path: path, Cause: cause, Fix: fix, Err: errors.Join(err, errLeft)}
}

func pathOf(err error) string {
	if e := new(remedy.Error); errors.As(err, &e) {
		return e.Path
	}
	return ""
}

// ready has a file open that can be written to. The lock saving is held.
func (f *File) ready() error {
	switch {
	case f.fixed != nil:
		return f.fixed
	case f.suspect.Swap(false) && f.db != nil:
		f.abandon()
	case f.db != nil && !f.db.IsReadOnly():
		return nil
	case f.db != nil: // it is not read again as a whole for nothing
		if err := unix.Access(f.path, unix.W_OK); err != nil {
			return disk.Explain(f.path, &fs.PathError{Op: "open", Path: f.path, Err: err})
		}
	}
	if f.lock == nil {
		var err error
		if f.lock, err = lockState(f.Dir, unix.LOCK_EX); errors.Is(err, ErrLocked) {
			return err
		}
	}
	f.opened.Lock()
	defer f.opened.Unlock()
	if f.db != nil {
		closeBolt(f.db)
		f.db = nil
	}
	return f.openAgain()
}

// openAgain is openAny, but a file that is there and of no use is not read as a whole each second:
// the pause between two tries doubles.
func (f *File) openAgain() error {
	if f.stuck != nil && time.Now().Before(f.retry) && f.isThere() {
		return f.stuck
	}
	err := f.openAny()
	if err == nil || f.db != nil || !f.isThere() { // of one that can be read, ready asks access(2)
		f.stuck, f.pause = nil, 0
		return err
	}
	f.pause = min(max(2*f.pause, tick), longest)
	f.stuck, f.retry = err, time.Now().Add(f.pause)
	return err
}

func (f *File) isThere() bool {
	_, err := os.Lstat(f.path)
	return !errors.Is(err, fs.ErrNotExist)
}

// abandon sets a file aside that was found damaged while it was open.
func (f *File) abandon() {
	f.opened.Lock()
	defer f.opened.Unlock()
	closeBolt(f.db)
	f.db = nil
	f.setAside(f.path, errBroken) // if that fails, it is tried again at once
	f.mu.Lock()
	f.lost = true
	f.mu.Unlock()
}

// openAny opens what is there, or makes a new file. The lock opened is held.
func (f *File) openAny() error {
	wasteful, err := examine(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f.create()
	case errors.Is(err, errDamaged):
		if err := f.setAside(f.path, err); err != nil {
			return err
		}
		return f.create()
	case err != nil:
		return left(f.path, err)
	}
	if !f.begun && f.lock != nil {
		f.tidy(wasteful)
	}
	return f.openGood()
}

// tidy removes what a crash has left beside a file, and makes it smaller if that is worth it.
func (f *File) tidy(wasteful bool) {
	if wasteful {
		f.compact()
		return
	}
	f.removeDraft() // it may be large; if that fails, it is of no use either
}

// openGood opens a file that is whole, for reading at least.
func (f *File) openGood() error {
	db, err := openBolt(f.path, false)
	switch {
	case err == nil:
		f.db = db
	case errors.Is(err, errBroken):
		if err := f.setAside(f.path, err); err != nil {
			return err
		}
		return f.create()
	default:
		if readable, failure := openBolt(f.path, true); failure == nil {
			f.db = readable
		}
	}
	return err
}

// create makes a file aside and puts it into its place, so that there is never half a one.
func (f *File) create() error {
	draft := f.draft()
	if err := f.removeDraft(); err != nil {
		return err
	}
	db, err := openBolt(draft, false)
	if err != nil {
		return err
	}
	err = plain(contain(func() error {
		return db.Update(func(tx *bolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte(bucketFormat))
			if err != nil {
				return err
			}
			return bucket.Put([]byte(formatKey), []byte(formatText+strconv.Itoa(version)))
		})
	}))
	closeBolt(db)
	if err == nil {
		err = os.Chmod(draft, fileMode) // whatever the umask is
	}
	if err == nil {
		err = f.putInPlace(draft)
	}
	if err != nil {
		os.Remove(draft)
		return err
	}
	return f.openGood()
}

// draft returns the path of a file that is made aside.
func (f *File) draft() string { return f.path + ".new" }

// removeDraft removes one that a crash has left.
func (f *File) removeDraft() error {
	if err := os.Remove(f.draft()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// putInPlace puts a file that is on the disk as a whole where the state belongs.
func (f *File) putInPlace(draft string) error {
	if err := os.Rename(draft, f.path); err != nil {
		return err
	}
	return disk.SyncFolder(f.Dir)
}

// setAside renames a file that is of no use, so that somebody can look at it. The error is a
// *remedy.Error.
func (f *File) setAside(path string, why error) error {
	aside := path + ".damaged-" + time.Now().UTC().Format("20060102T150405.000Z")
	if err := os.Rename(path, aside); err != nil {
		return &remedy.Error{Path: path, Cause: fmt.Sprintf("%s, and cannot be set aside: %s", why, disk.Reason(err)),
			Fix: "let the user that the daemon runs as write to the folder " + f.Dir + " (it is tried again by itself), or move the file away", Err: errors.Join(why, err)}
	}
	f.Log.Warn("standings of the last run cannot be used: all tenants are looked up again", "error", path+": "+why.Error(), "set_aside", aside)
	forgetOld(path + ".damaged-")
	return nil
}

// forgetOld removes all but the last files that were set aside: they may be large.
func forgetOld(prefix string) {
	names, err := filepath.Glob(prefix + "*")
	if err != nil || len(names) <= mostKept {
		return
	}
	slices.Sort(names)
	for _, name := range names[:len(names)-mostKept] {
		os.Remove(name)
	}
}

// examine reads a whole file, and reports whether it takes much more room than it needs. The error
// wraps errDamaged when it is of no use, and errNewer when it is of a later version.
func examine(path string) (wasteful bool, err error) {
	file, info, err := disk.Open(path, maxFile)
	if errors.Is(err, disk.ErrKind) || errors.Is(err, disk.ErrLarge) {
		cause, _ := remedy.Of(err, "")
		return false, damage{errors.New("it " + cause)}
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	used, err := readAll(file, func(Bucket, string, []byte) error { return nil })
	return info.Size() > largeFile && used < info.Size()/2, err
}

// readAll has each value of a file visited that is whole and of this version. It returns in how many
// of its octets something stands.
func readAll(file *os.File, visit func(b Bucket, key string, value []byte) error) (used int64, err error) {
	format, broken := "", error(nil)
	used, err = verify(file, func(b Bucket, key string, sealed []byte) error {
		if b == bucketFormat {
			if key == formatKey {
				format = string(sealed)
			}
			return nil
		}
		value, err := unseal(key, sealed)
		if err != nil { // in a newer version there may be none
			broken = damaged("%w, of %q in bucket %q", err, key, b)
			return nil
		}
		return visit(b, key, value)
	})
	if err != nil {
		return used, err
	}
	number, ours := strings.CutPrefix(format, formatText)
	written, err := strconv.Atoi(number)
	switch {
	case !ours || err != nil || written < 1:
		return used, damage{errors.New("it is of another program")}
	case written > version:
		return used, fmt.Errorf("%w: %d, and this program reads version %d", errNewer, written, version)
	}
	return used, broken
}
