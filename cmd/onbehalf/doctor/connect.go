package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"onbehalf/cmd/onbehalf/access"
)

// ConnectCommand is the first argument by which a program is its own child that only connects:
// Connect(os.Args[2:], os.Stdout).
const ConnectCommand = "connect-as"

// caller is as whom, and from where, a socket is connected to.
type caller struct {
	who    *access.User
	dir    string // relative names begin there
	chroot bool   // in dir
}

// verdict is what the child found out.
type verdict struct {
	Failed string        // why the child could not try; empty: it did
	Errno  syscall.Errno // 0: it was connected
	Text   string        // of an error that has no number
}

// connectTime bounds an attempt.
const connectTime = 5 * time.Second

// connect tries a name of a unix socket in a child process of ours, which the kernel makes the
// caller: with its user and groups, and nothing of root but the right to change its root
// directory. The folder is handed over as a descriptor, as Postfix's master enters it before it
// gives up root. failed says that this could not be tried.
func (c caller) connect(name string) (err, failed error) {
	dir, failed := os.Open(c.dir)
	if failed != nil {
		return nil, failed
	}
	defer dir.Close()
	child := exec.Command("/proc/self/exe", ConnectCommand, strconv.FormatBool(c.chroot), name)
	child.Args[0] = os.Args[0]
	child.Dir, child.Env, child.ExtraFiles = "/", []string{}, []*os.File{dir}
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.who.UID, Gid: c.who.GID, Groups: c.who.Groups}}
	if c.chroot {
		child.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_CHROOT}
	}
	out, failed := child.Output()
	if failed != nil {
		return nil, fmt.Errorf("as %s: %w", c.who, failed)
	}
	var v verdict
	switch failed := json.Unmarshal(out, &v); {
	case failed != nil:
		return nil, failed
	case v.Failed != "":
		return nil, errors.New(v.Failed)
	case v.Errno != 0:
		return v.Errno, nil
	case v.Text != "":
		return errors.New(v.Text), nil
	}
	return nil, nil
}

// Connect is what the child does: it enters the folder that it was handed, and connects. The
// arguments are whether to make that its root directory, and the name.
func Connect(args []string, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("this is called by onbehalf doctor only")
	}
	const folder = 3 // the first of ExtraFiles
	var v verdict
	err := syscall.Fchdir(folder)
	if err == nil && args[0] == "true" {
		err = syscall.Chroot(".")
	}
	if err != nil {
		v.Failed = "cannot enter the folder: " + err.Error()
		return json.NewEncoder(out).Encode(v)
	}
	conn, err := net.DialTimeout("unix", args[1], connectTime)
	if err == nil {
		conn.Close()
	} else if !errors.As(err, &v.Errno) {
		v.Text = err.Error()
	}
	return json.NewEncoder(out).Encode(v)
}
