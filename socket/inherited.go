package socket

import (
	"errors"
	"fmt"
	"net"

	"github.com/coreos/go-systemd/v22/activation"
)

// Inherited returns the sockets that systemd hands over (sd_listen_fds(3)), by the names that their
// units have for them (FileDescriptorName=). They outlive the process, so that no connection is
// lost over a restart. The error names all that accept no connections.
func Inherited() (map[string][]net.Listener, error) {
	all := make(map[string][]net.Listener)
	var failed error
	for name, files := range activation.FilesWithNames() {
		for _, file := range files {
			listener, err := net.FileListener(file) // a copy of it
			file.Close()
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("socket %q, handed over by systemd, accepts no connections; remove it from the socket unit: %w", name, err))
				continue
			}
			all[name] = append(all[name], listener)
		}
	}
	return all, failed
}
