package socket

import (
	"errors"
	"fmt"
	"net"

	"github.com/coreos/go-systemd/v22/activation"
)

// Inherited returns the sockets that systemd hands over (sd_listen_fds(3)), by the names that their
// units give them (FileDescriptorName=). They outlive the process, so that no connection is lost
// over a restart. The error names all that are no sockets to accept connections at.
func Inherited() (map[string][]net.Listener, error) {
	all := make(map[string][]net.Listener)
	var failed error
	for name, files := range activation.FilesWithNames() {
		for _, file := range files {
			listener, err := net.FileListener(file) // a copy of it
			file.Close()
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("socket %q, handed over by systemd, is not one to accept connections at; take it out of the socket unit: %w", name, err))
				continue
			}
			all[name] = append(all[name], listener)
		}
	}
	return all, failed
}
