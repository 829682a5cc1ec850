package test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"onbehalf/test/peer"
)

// The addresses of mail hosts in a network namespace (RFC 5737).
const (
	ourAddr    = "198.51.100.10"
	schoolAddr = "192.0.2.20" // of the tenant's own server
	worldAddr  = "192.0.2.30" // of any other
)

// apart runs the test that calls it once more, in a network of its own: with the addresses above,
// a DNS server's place at port 53 of loopback, where Postfix asks from a chroot without
// resolv.conf, and nobody else. It reports whether this is that run; the other one has nothing
// left to do.
func apart(t *testing.T) (inside bool) {
	t.Helper()
	const marker = "TEST_APART"
	if os.Getenv(marker) != "" {
		return true
	}
	peer.NeedRoot(t)
	peer.Need(t, "/usr/bin/unshare", "/usr/sbin/ip")
	const enter = `set -e
		ip link set lo up
		for addr in ` + ourAddr + " " + schoolAddr + " " + worldAddr + `; do ip addr add $addr/32 dev lo; done
		exec "$@"`
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "/usr/bin/unshare", "--net", "sh", "-c", enter, "sh",
		os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=4m", "-test.v")
	command.Env = append(os.Environ(), marker+"=1")
	// A file, and no pipe: what a Postfix that is stopping still holds open is not waited for.
	out, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	command.Stdout, command.Stderr = out, out
	err = command.Run()
	said, _ := os.ReadFile(out.Name())
	if err != nil || !strings.Contains(string(said), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, said)
	} else if testing.Verbose() {
		t.Logf("%s", said)
	}
	return false
}
