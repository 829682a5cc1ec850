package access

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Barrier is what keeps a user from a file: the file itself or a folder on the way to it.
type Barrier struct {
	Path   string
	Folder bool // on the way
	Group  uint32
	mode   fs.FileMode
	owner  uint32
}

// String describes it.
func (b Barrier) String() string {
	bits := uint32(b.mode.Perm()) // and as chmod has them:
	if b.mode&fs.ModeSetgid != 0 {
		bits |= 0o2000
	}
	if b.mode&fs.ModeSticky != 0 {
		bits |= 0o1000
	}
	return fmt.Sprintf("%s has mode %04o, owner %s, group %s", b.Path, bits, UserName(int(b.owner)), GroupName(int(b.Group)))
}

// Barrier finds, from the root down, the first thing whose mode and owner keep a user from the
// file. Access control lists and security modules are not looked at. Nil: there is none. The
// error says why that cannot be known; it is fs.ErrNotExist where there is no such file.
func (f File) Barrier(who *User) (*Barrier, error) {
	path := f.Path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	steps, at := strings.Split(strings.Trim(filepath.Clean(path), "/"), "/"), "/"
	for i := 0; i <= len(steps); i++ {
		info, err := os.Lstat(at)
		if err != nil {
			return nil, err
		}
		s, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return nil, fmt.Errorf("%s: the system does not say whose it is", at)
		}
		b, need := &Barrier{at, i < len(steps), s.Gid, info.Mode(), s.Uid}, uint32(Enter)
		if !b.Folder {
			need = f.Mode
		}
		if !b.lets(who, need) {
			return b, nil
		}
		if b.Folder {
			at = filepath.Join(at, steps[i])
		}
	}
	return nil, nil
}

// lets follows the one class that the user is in, as the kernel does.
func (b Barrier) lets(who *User, need uint32) bool {
	bits := uint32(b.mode.Perm())
	switch {
	case who.UID == 0:
		return true
	case who.UID == b.owner:
		bits >>= 6
	case who.in(b.Group):
		bits >>= 3
	}
	return bits&need == need
}

// Explain says why a user may not use the file, and what the barrier is; nil: it is none that
// modes show.
func (f File) Explain(who *User) (why string, b *Barrier) {
	b, err := f.Barrier(who)
	if b == nil || err != nil {
		return fmt.Sprintf("permission denied for %s, although modes and owners allow it: look for an access control list (getfacl), AppArmor or SELinux", who), nil
	}
	verb := map[uint32]string{Read: "read it", Write: "write to it", Write | Enter: "write there", Read | Enter: "list it"}[f.Mode]
	if b.Folder {
		verb = "enter it"
	}
	return fmt.Sprintf("%s, so %s may not %s", b, who, verb), b
}
