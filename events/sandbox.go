package events

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// Sandbox says what a program that this process starts may not do here, for the log; empty: it may
// do what it could anywhere. The unit that the package brings lets it run, and takes this from it.
func Sandbox() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return ""
	}
	return sandboxOf(string(status))
}

// sandboxOf reads proc(5)'s status.
func sandboxOf(status string) string {
	var limits []string
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch value = strings.TrimSpace(value); {
		case name == "NoNewPrivs" && value == "1":
			limits = append(limits, "programs with set-user-ID or set-group-ID (sendmail, sudo) get no rights by it")
		case name == "Seccomp" && value == "2":
			limits = append(limits, "system calls are filtered")
		}
	}
	return strings.Join(limits, "; ")
}

// Doubt says why the program of a command may not work; empty: nothing is known against it.
func (c *Command) Doubt() string {
	info, err := os.Stat(c.argv[0])
	switch {
	case err != nil:
		return reason(err)
	case info.IsDir():
		return "it is a folder"
	case syscall.Access(c.argv[0], 1) != nil: // X_OK
		return "the user that the daemon runs as may not execute it"
	case info.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0 && strings.Contains(Sandbox(), "set-user-ID"):
		return fmt.Sprintf("it has %s, which the sandbox of the daemon does not grant", info.Mode())
	}
	return ""
}
