package disk

import (
	"io/fs"
	"math"
	"os"
	"syscall"
	"time"
)

// Stamp is what changes with a file: its inode, size and times, of which the last, ctime, moves
// with its mode and owner too. The zero Stamp is of no file.
type Stamp struct {
	device, inode    uint64
	size             int64
	modified, status syscall.Timespec
}

// StampOf returns the stamp of what a path leads to now; zero: nothing, or it cannot be found out.
func StampOf(path string) Stamp {
	info, err := os.Stat(path)
	if err != nil {
		return Stamp{}
	}
	return stampOf(info)
}

// OpenStamp is StampOf for a regular file that may be read; zero: it is none. The file is opened:
// what a network file system says without that may be old.
func OpenStamp(path string) Stamp {
	f, info, err := Open(path, math.MaxInt64)
	if err != nil {
		return Stamp{}
	}
	defer f.Close()
	return stampOf(info)
}

func stampOf(info fs.FileInfo) Stamp {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Stamp{}
	}
	return Stamp{uint64(s.Dev), s.Ino, s.Size, s.Mtim, s.Ctim}
}

// coarsest is more than the steps in which any file system counts time (FAT: two seconds).
const coarsest = 3 * time.Second

// Settled reports whether a file that had this stamp at a time would have another one if it was
// written to later: not if it was written to just before, for file systems count time in steps.
func (s Stamp) Settled(at time.Time) bool {
	return s != Stamp{} && at.Sub(time.Unix(s.status.Unix())) > coarsest
}
