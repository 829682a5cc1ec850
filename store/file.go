package store

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"

	"onbehalf/remedy"
)

const (
	fileName = "state.db"
	fileMode = 0o640
	tick     = time.Second // between two batches

	maxKey     = 4 << 10
	maxValue   = 16 << 20
	maxWaiting = 512 << 20 // bytes that wait while nothing can be saved
)

// Path returns the file of the state in a state_dir.
func Path(dir string) string { return filepath.Join(dir, fileName) }

// Options say how a File is opened.
type Options struct {
	Dir string // the state_dir
	Log *slog.Logger
}

// File is the Store of one host.
type File struct {
	Options
	path string
	lock *os.File // nil: the folder could not be written to

	saving sync.Mutex // one batch at a time
	begun  bool       // Open has returned

	opened sync.RWMutex // who reads has it while it does
	db     *bolt.DB     // nil: none is open
	// fixed is why nothing will be saved until a restart: what lies there is left alone.
	fixed error
	stuck error         // why the file that is there cannot be opened
	retry time.Time     // when that is tried again
	pause time.Duration // before that

	mu      sync.Mutex // waits for nothing: messages wait for it
	waiting pending
	writing pending // of the batch under way
	health  Health
	refill  func() // see SetRefill; nil: not set yet
	lost    bool   // something is, so that refill is to be called

	batches atomic.Int64 // that were saved
	suspect atomic.Bool  // reading has found the file damaged

	end   chan struct{}
	ended sync.WaitGroup
}

// Write is of Store.
func (f *File) Write(changes ...Change) {
	size := 0
	for _, c := range changes {
		if c.Bucket == "" || c.Key == "" || len(c.Key) > maxKey || len(c.Value) > maxValue {
			f.drop(len(changes), errChange)
			return
		}
		size += sizeOf(c)
	}
	f.mu.Lock()
	fits := f.waiting.bytes+f.writing.bytes+size <= maxWaiting
	if fits {
		for _, c := range changes {
			f.waiting.add(c)
		}
	}
	f.mu.Unlock()
	if !fits {
		f.drop(len(changes), errFull)
	}
}

// Why changes are dropped. What there was no room for is asked for when there is; what no store takes
// would be dropped again.
var (
	errChange = errors.New("a key or value is empty or too large: report this as a bug of onbehalf")
	errFull   = errors.New("too much waits to be saved")
)

// drop counts changes that are lost, and logs the first.
func (f *File) drop(changes int, why error) {
	f.mu.Lock()
	first := f.health.Dropped == 0
	f.health.Dropped += int64(changes)
	f.lost = f.lost || why == errFull
	f.mu.Unlock()
	if first {
		f.Log.Error("state is lost", "error", why)
	}
}

// Health is of Store.
func (f *File) Health() Health {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.health
	h.Waiting = f.waiting.count + f.writing.count
	h.Saved, h.Held, h.Limit = f.batches.Load(), int64(f.waiting.bytes+f.writing.bytes), maxWaiting
	return h
}

// Sync is of Store.
func (f *File) Sync() error {
	f.saving.Lock()
	defer f.saving.Unlock()
	return f.save()
}

// Close is of Store.
func (f *File) Close() error {
	close(f.end)
	f.ended.Wait()
	f.saving.Lock()
	f.retry = time.Time{} // it is the last time
	f.saving.Unlock()
	err := f.Sync()
	f.opened.Lock()
	defer f.opened.Unlock()
	if f.db != nil {
		closeBolt(f.db)
		f.db, f.fixed = nil, errors.New("the store is closed")
	}
	if f.lock != nil {
		f.lock.Close()
	}
	return err
}

// run saves what waits, again and again.
func (f *File) run() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-f.end:
			return
		case <-ticker.C:
			f.Sync()
			f.fillAgain()
		}
	}
}

// SetRefill sets what writes all that the program still knows, when the file had to be replaced, or
// writes were dropped, also if that has happened before. It is called by a goroutine of the File.
func (f *File) SetRefill(refill func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refill = refill
}

// fillAgain asks for all that is known, once saving works again after something was lost.
func (f *File) fillAgain() {
	f.mu.Lock()
	refill := f.refill
	due := f.lost && f.health.Problem == nil && refill != nil
	if due {
		f.lost = false
	}
	f.mu.Unlock()
	if due {
		refill()
	}
}

// save saves what waits, and notes how that went. The lock saving is held.
func (f *File) save() error {
	f.mu.Lock()
	f.writing, f.waiting = f.waiting, pending{}
	idle := f.writing.count == 0 && f.health.Problem == nil && !f.suspect.Load()
	f.mu.Unlock()
	if idle {
		return nil
	}
	err := f.ready()
	if err == nil && f.writing.count > 0 {
		err = put(f.db, f.writing)
	}
	f.settle(err)
	if errors.Is(err, errBroken) {
		f.suspect.Store(true)
	}
	return err
}

// settle ends a batch: what was not saved waits again.
func (f *File) settle(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.writing = pending{}
		f.batches.Add(1)
	} else {
		f.writing.addAll(f.waiting)
		f.waiting, f.writing = f.writing, pending{}
	}
	f.note(err)
}

// note keeps why nothing can be saved, and logs it when that begins and ends. The lock mu is held.
func (f *File) note(err error) {
	before := f.health.Problem
	f.health.Problem = err
	if err != nil {
		f.health.Failed++
	}
	switch {
	case err == nil && before != nil:
		f.health.Since = time.Time{}
		f.Log.Info("standings can be saved again")
	case err != nil && before == nil:
		f.health.Since = time.Now()
		if err != f.fixed { // that was logged at start
			cause, fix := advise(err)
			f.Log.Error("standings cannot be saved; they are kept in memory, and lost at a restart", "error", cause, "remedy", fix)
		}
	}
}

// Advice returns why nothing is saved, and what to do about it.
func (h Health) Advice() (cause, fix string) {
	if h.Problem == nil {
		return "", ""
	}
	return advise(h.Problem)
}

// advise returns the cause of an error, with the file that it is about, and the fix.
func advise(err error) (cause, fix string) {
	cause, fix = remedy.Of(err, adviceFor(err))
	if path := pathOf(err); path != "" {
		cause = path + ": " + cause
	}
	return cause, fix
}

func adviceFor(err error) string {
	full := func(no syscall.Errno) bool { // bbolt does not wrap all errors
		return errors.Is(err, no) || strings.HasSuffix(err.Error(), no.Error())
	}
	if full(syscall.ENOSPC) || full(syscall.EDQUOT) {
		return "make room on the disk of the state_dir"
	}
	return "let the user that the daemon runs as write to the state_dir"
}
