// Package peer is what the end-to-end tests need to run programs that others
// wrote: to check that they are installed, to find them a port, and to make sure that
// they have ended afterwards.
package peer

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// Need skips the test unless all the files are there. Under CI (CI=true in the
// environment) a missing file fails the test: a check that is never run checks nothing.
func Need(t testing.TB, files ...string) {
	t.Helper()
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			Without(t, "%v; run test/peers.sh as root", err)
		}
	}
}

// NeedRoot is Need for the rights of root.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Without(t, "this test needs the rights of root")
	}
}

// Without skips a test that cannot do without what is missing; under CI it fails.
func Without(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf("NOT TESTED: "+format, args...)
}

// AtEnd runs a command when the test ends, and also when its process dies
// without ending its tests (a panic, go test's timeout, an interrupt at the
// terminal): a shell waits for the end of a pipe that only this process holds.
func AtEnd(t testing.TB, name string, args ...string) {
	t.Helper()
	shell := []string{"-c", `cat >/dev/null; "$@"`, "sh", name}
	guard := exec.Command("/bin/sh", append(shell, args...)...)
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // out of reach of the terminal's interrupt
	var output bytes.Buffer
	guard.Stdout, guard.Stderr = &output, &output
	lifeline, err := guard.StdinPipe()
	if err == nil {
		err = guard.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		lifeline.Close()
		if err := guard.Wait(); err != nil {
			t.Errorf("%v: %v\n%s", append([]string{name}, args...), err, &output)
		}
	})
}

// FreeAddr returns an address on loopback, host:port, that is free for TCP and UDP.
// Nothing keeps it free; the caller uses it at once.
func FreeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := tcp.Addr().String()
		udp, err := net.ListenPacket("udp", addr)
		tcp.Close()
		if err == nil {
			udp.Close()
			return addr
		}
	}
	t.Fatal("no port on 127.0.0.1 is free for both TCP and UDP")
	return ""
}
