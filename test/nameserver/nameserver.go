// Package nameserver runs NSD, an authoritative DNS server, for the time of a
// test. It serves one zone, the root: whatever the test does not publish does not
// exist (NXDOMAIN), and no zone cuts come between a test and its records. While
// it runs the test may change the zone, and break the server in the ways DNS
// servers break: an answer that says failure, no answer, a closed port.
package nameserver

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"onbehalf/test/peer"
)

// Server is a DNS server of a test. Its methods are for one goroutine at a time.
type Server struct {
	Addr string // host:port, UDP and TCP

	dir     string   // all files of the server
	records []string // as last published
	serial  uint32   // of the zone, another one each time it is written
	nsd     *group   // nil when stopped
}

const (
	nsd       = "/usr/sbin/nsd"
	checkZone = "/usr/sbin/nsd-checkzone"
)

// patience is how long a server may take to do something on a busy machine.
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
	return StartAt(t, peer.FreeAddr(t), records...)
}

// StartAt is Start at an address, host:port, that must be free.
func StartAt(t testing.TB, addr string, records ...string) *Server {
	t.Helper()
	peer.Need(t, nsd, checkZone)
	s := &Server{Addr: addr, dir: t.TempDir()}
	s.writeZone(t, records)
	s.write(t, "nsd.conf", configuration(s.dir, s.Addr))
	peer.AtEnd(t, "/bin/sh", "-c", killGroup, s.file("group"))
	t.Cleanup(func() { s.Stop(t) }) // before AtEnd's
	s.load(t, s.current)
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

// writeZone makes records those of the zone file, under a new serial.
func (s *Server) writeZone(t testing.TB, records []string) {
	t.Helper()
	const top = "$ORIGIN .\n$TTL 60\n" +
		". SOA ns.invalid hostmaster.invalid %d 3600 600 86400 60\n" +
		". NS ns.invalid\n"
	s.records = slices.Clone(records)
	s.serial++
	s.write(t, "zone", fmt.Sprintf(top, s.serial)+strings.Join(records, "\n")+"\n")
	if out, err := exec.Command(checkZone, ".", s.file("zone")).CombinedOutput(); err != nil {
		t.Fatalf("records: %v\n%s", err, out)
	}
}

// configuration keeps NSD within dir, and in the hands of who runs the test. It
// answers however often it is asked: by default Debian's NSD drops or truncates
// what goes beyond 200 answers a second.
func configuration(dir, addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	q := func(name string) string { return strconv.Quote(filepath.Join(dir, name)) }
	return fmt.Sprintf(`server:
	ip-address: %s@%s
	server-count: 1
	rrl-ratelimit: 0
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

func (s *Server) file(name string) string { return filepath.Join(s.dir, name) }

// write sets a time of the file's own. NSD reads a zone again only when the
// file's time is another, and the clock that the kernel stamps files with ticks
// too slowly (every 4 ms) to distinguish two writes of a test.
func (s *Server) write(t testing.TB, name, text string) {
	t.Helper()
	err := os.WriteFile(s.file(name), []byte(text), 0o644)
	if err == nil {
		now := time.Now()
		err = os.Chtimes(s.file(name), now, now)
	}
	if err != nil {
		t.Fatal(err)
	}
}
