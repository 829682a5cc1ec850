package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Permissions, as in a mode.
const (
	mayRead  = 4
	mayWrite = 2
	mayEnter = 1
)

// barrier is what keeps a user from a file.
type barrier struct {
	path   string
	folder bool // on the way
	mode   fs.FileMode
	owner  uint32
	group  uint32
}

// String describes it.
func (b barrier) String() string {
	return fmt.Sprintf("%s has mode %04o, owner %s, group %s", b.path, modeOf(b.mode), UserName(b.owner), GroupName(b.group))
}

// modeOf gives the mode as chmod takes it.
func modeOf(mode fs.FileMode) uint32 {
	bits := uint32(mode.Perm())
	if mode&fs.ModeSetgid != 0 {
		bits |= 0o2000
	}
	if mode&fs.ModeSticky != 0 {
		bits |= 0o1000
	}
	return bits
}

// barrierOn finds, from the root down, the first thing whose mode keeps a user from
// a file. It only explains what the kernel has refused: access control lists and security
// modules are not asked. None: found is false.
func barrierOn(path string, who *account, want uint32) (b barrier, found bool) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	steps := strings.Split(strings.Trim(filepath.Clean(path), "/"), "/")
	at := "/"
	for i := 0; i <= len(steps); i++ {
		last := i == len(steps)
		info, err := os.Lstat(at)
		if err != nil {
			return b, false
		}
		s, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return b, false
		}
		b = barrier{at, !last, info.Mode(), s.Uid, s.Gid}
		need := uint32(mayEnter)
		if last {
			need = want
		}
		if !b.lets(who, need) {
			return b, true
		}
		if !last {
			at = filepath.Join(at, steps[i])
		}
	}
	return b, false
}

// lets goes by the one class that the user is in, as the kernel does.
func (b barrier) lets(who *account, want uint32) bool {
	bits := uint32(b.mode.Perm())
	switch {
	case who.uid == 0:
		return true
	case who.uid == b.owner:
		bits >>= 6
	case who.in(b.group):
		bits >>= 3
	}
	return bits&want == want
}

// cause is what the system said, without the name of the file.
func cause(err error) string {
	if failed := new(fs.PathError); errors.As(err, &failed) {
		err = failed.Err
	}
	return err.Error()
}

// denied says why a user may not do something with a file.
func denied(path string, who *account, want uint32) (why string, b barrier, found bool) {
	if b, found = barrierOn(path, who, want); !found {
		return fmt.Sprintf("%s is refused; by its mode and those of its folders it should not be: look for an access control list (getfacl), AppArmor or SELinux", who), b, false
	}
	verb := map[uint32]string{mayRead: "read it", mayWrite: "write to it", mayWrite | mayEnter: "write there", mayRead | mayEnter: "list it"}[want]
	if b.folder {
		verb = "enter it"
	}
	return fmt.Sprintf("%s, so %s may not %s", b, who, verb), b, true
}
