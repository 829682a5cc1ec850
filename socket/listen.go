package socket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// mode lets in the owner and the group.
const mode = 0o660

// Listen opens a socket ("unix" or "tcp"). A unix socket gets mode 0660 from its first instant, and
// the group of its folder where that has the set-group-ID bit: Postfix's own, so that its daemons
// may connect. A socket that a process left behind is removed; one that is in use is an error, and
// so is any other file of that name.
func Listen(network, address string) (*Listener, error) {
	inner, file, err := bind(network, address)
	if err != nil {
		return nil, err
	}
	return &Listener{network: network, address: address, inner: inner, file: file, done: make(chan struct{})}, nil
}

// bind opens a socket and returns its file too; nil: it has none.
func bind(network, address string) (net.Listener, fs.FileInfo, error) {
	if network != "unix" {
		inner, err := net.Listen(network, address)
		return inner, nil, err
	}
	if err := removeStale(address); err != nil {
		return nil, nil, err
	}
	inner, err := (&net.ListenConfig{Control: setMode}).Listen(context.Background(), network, address)
	if err != nil {
		return nil, nil, err
	}
	inner.(*net.UnixListener).SetUnlinkOnClose(false) // the file may be another process's by then
	file, err := setModeAgain(address)
	if err != nil {
		inner.Close()
		return nil, nil, err
	}
	return inner, file, nil
}

// setMode sets the mode of a socket before it has a file: bind(2) makes the file with the mode of
// the socket, without what the umask of the process takes away.
func setMode(_, _ string, socket syscall.RawConn) error {
	var err error
	if failed := socket.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), mode) }); failed != nil {
		return failed
	}
	return err
}

// setModeAgain sets the mode of a socket file again, because the umask may have narrowed it.
func setModeAgain(path string) (fs.FileInfo, error) {
	file, err := os.Lstat(path)
	if err != nil || file.Mode().Perm() == mode {
		return file, err
	}
	return file, os.Chmod(path, mode)
}

// removeStale removes a socket file at which nobody answers.
func removeStale(path string) error {
	file, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if file.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is not a socket; remove it or choose another path", path)
	}
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		conn.Close()
		return fmt.Errorf("another process answers at %s; stop it first", path)
	case errors.Is(err, syscall.EAGAIN): // its queue is full
		return fmt.Errorf("another process listens at %s, and does not answer; stop it first", path)
	case !errors.Is(err, syscall.ECONNREFUSED):
		return err
	}
	return os.Remove(path)
}
