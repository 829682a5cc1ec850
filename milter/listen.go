package milter

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// Listen opens a socket ("unix" or "tcp"). A unix socket gets mode 0660 from its
// first instant, and the group of its folder where that has the set-group-ID bit:
// Postfix's own, so that its daemons may connect. A socket that a process left
// behind is removed; one that still answers is an error, and so is any other file
// of that name. Call it before other goroutines make files: it sets the umask for
// a moment.
func Listen(network, address string) (net.Listener, error) {
	if network != "unix" {
		return net.Listen(network, address)
	}
	if err := removeStale(address); err != nil {
		return nil, err
	}
	defer syscall.Umask(syscall.Umask(0o117))
	return net.Listen(network, address)
}

func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there and is not a socket; remove it or choose another path", path)
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
		return fmt.Errorf("another process answers at %s; stop it first", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}
