// Package nameserver runs NSD, an authoritative DNS server, for the time of a
// test. It serves one zone, the root: whatever the test does not publish does not
// exist (NXDOMAIN), and no zone cuts come between a test and its records.
package nameserver

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"onbehalf/test/peer"
)

// Server is a running DNS server.
type Server struct {
	Addr string // host:port, UDP and TCP
}

const (
	nsd       = "/usr/sbin/nsd"
	checkZone = "/usr/sbin/nsd-checkzone"
)

// patience is how long a server may take to start on a busy machine.
const patience = 20 * time.Second

// Start publishes resource records, each a line of a zone file (RFC 1035 section
// 5), and returns when they can be asked for. Names need no final dot:
//
//	nameserver.Start(t,
//		"courseware.nl      MX 10 mail.courseware.nl",
//		"mail.courseware.nl A 80.84.235.70",
//		nameserver.TXT("courseware.nl", "v=spf1 mx -all"))
func Start(t testing.TB, records ...string) *Server {
	t.Helper()
	peer.Need(t, nsd, checkZone)
	dir := t.TempDir()
	writeZone(t, dir, records)
	s := &Server{Addr: peer.FreeAddr(t)}
	write(t, filepath.Join(dir, "nsd.conf"), configuration(dir, s.Addr))
	run(t, dir)
	s.await(t, filepath.Join(dir, "log"))
	return s
}

// TXT makes the record that publishes a text of any length at a name. A
// character-string holds 255 octets (RFC 1035 section 3.3), so a long text, as
// that of a DKIM key, becomes several, which readers join (RFC 6376 section 3.6.2.2).
func TXT(name, text string) string {
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	line := name + " TXT"
	for len(text) > 255 {
		line += ` "` + escaped.Replace(text[:255]) + `"`
		text = text[255:]
	}
	return line + ` "` + escaped.Replace(text) + `"`
}

func writeZone(t testing.TB, dir string, records []string) {
	t.Helper()
	const top = "$ORIGIN .\n$TTL 60\n" +
		". SOA ns.invalid hostmaster.invalid 1 3600 600 86400 60\n" +
		". NS ns.invalid\n"
	zone := filepath.Join(dir, "zone")
	write(t, zone, top+strings.Join(records, "\n")+"\n")
	if out, err := exec.Command(checkZone, ".", zone).CombinedOutput(); err != nil {
		t.Fatalf("records: %v\n%s", err, out)
	}
}

// configuration keeps NSD within dir, and in the hands of who runs the test.
func configuration(dir, addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	q := func(name string) string { return strconv.Quote(filepath.Join(dir, name)) }
	return fmt.Sprintf(`server:
	ip-address: %s@%s
	server-count: 1
	username: ""
	pidfile: ""
	database: ""
	zonesdir: %s
	zonelistfile: %s
	xfrdfile: %s
	xfrdir: %s
remote-control:
	control-enable: no
zone:
	name: "."
	zonefile: "zone"
`, host, port, strconv.Quote(dir), q("zone.list"), q("xfrd.state"), strconv.Quote(dir))
}

// run starts NSD as a child and sees to its end. It ends its own children.
func run(t testing.TB, dir string) {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	server := exec.Command(nsd, "-d", "-c", filepath.Join(dir, "nsd.conf"))
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Wait() }) // after AtEnd's
	peer.AtEnd(t, "kill", strconv.Itoa(server.Process.Pid))
}

// await returns when the server accepts connections.
func (s *Server) await(t testing.TB, log string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", s.Addr); err == nil {
			conn.Close()
			return
		}
	}
	text, _ := os.ReadFile(log)
	t.Fatalf("the DNS server does not answer at %s after %v:\n%s", s.Addr, patience, text)
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
