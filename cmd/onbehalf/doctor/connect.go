package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"onbehalf/cmd/onbehalf/access"
)

// ConnectCommand is the first argument by which a program is its own child that only connects:
// os.Exit(Connect(os.Args[2:], os.Stderr)).
const ConnectCommand = "connect-as"

// caller is as whom, and from where, a socket is connected to.
type caller struct {
	who    *access.User
	dir    string // relative names begin there
	chroot bool   // in dir
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
	var talk bytes.Buffer
	child.Stderr = &talk
	failed = child.Run()
	if ended := new(exec.ExitError); errors.As(failed, &ended) && ended.ExitCode() > 0 && ended.ExitCode() != cannotTry {
		return syscall.Errno(ended.ExitCode()), nil
	}
	if failed != nil {
		failed = fmt.Errorf("as %s: %w %s", c.who, failed, strings.TrimSpace(talk.String()))
	}
	return nil, failed
}

// cannotTry is the exit status of a child that could not even try. No errno is as high.
const cannotTry = 255

// Connect is what the child does: it enters the folder that it was handed, and connects. The
// arguments are whether to make that its root directory, and the name. It returns an exit status:
// 0, or the number of the system's error.
func Connect(args []string, talk io.Writer) int {
	const folder = 3 // the first of ExtraFiles
	err := syscall.Fchdir(folder)
	if err == nil && len(args) == 2 && args[0] == "true" {
		err = syscall.Chroot(".")
	}
	if err != nil || len(args) != 2 {
		fmt.Fprintln(talk, "this is for onbehalf doctor, which hands over a folder to enter:", err)
		return cannotTry
	}
	conn, err := net.DialTimeout("unix", args[1], connectTime)
	if err == nil {
		conn.Close()
		return 0
	}
	number := syscall.ETIMEDOUT
	errors.As(err, &number)
	return int(number)
}
