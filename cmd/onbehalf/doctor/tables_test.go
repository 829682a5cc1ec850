package doctor

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onbehalf/cmd/onbehalf/setup"
	"onbehalf/config"
	"onbehalf/message"
	"onbehalf/tenant"
)

// answering plays a server at a socket: it reads what comes, and says what talk returns; "" is
// nothing, ever.
func answering(t *testing.T, talk func(request string) string) config.Socket {
	t.Helper()
	path := filepath.Join(room(t), "s.sock")
	listener, err := net.Listen("unix", path)
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for {
					request, err := in.ReadString(',')
					if err != nil {
						return
					}
					answer := talk(request)
					if answer == "" {
						io.Copy(io.Discard, conn)
						return
					}
					if answer == "close" {
						return
					}
					io.WriteString(conn, answer)
				}
			}()
		}
	}()
	return config.Socket{Network: "unix", Address: path}
}

// TestJudgeTables: whoever else answers at the socket is found out, and nobody is waited for as
// long as Postfix would.
func TestJudgeTables(t *testing.T) {
	netstring := func(text string) string { return fmt.Sprintf("%d:%s,", len(text), text) }
	for _, c := range []struct {
		what  string
		talk  func(request string) string
		wrong string // empty: it is ours
	}{
		{"ours", func(r string) string {
			if r == netstring("recipients postmaster@bounces.courseware.nl") {
				return netstring("OK known")
			}
			return netstring("NOTFOUND ")
		}, ""},
		{"another's, with a default", func(string) string { return netstring("OK smtp:[relay.example]") },
			`asked for "transport *", it says "OK smtp:[relay.example]"`},
		{"another's, that knows nothing", func(string) string { return netstring("NOTFOUND ") }, `asked for "recipients postmaster@bounces.courseware.nl", it says "NOTFOUND "`},
		{"one in trouble", func(string) string { return netstring("TEMP no database") }, "TEMP no database"},
		{"one that hangs", func(string) string { return "" }, "has not answered in 5s; Postfix waits 100 s"},
		{"one that closes", func(string) string { return "close" }, "closes the connection without an answer"},
		{"one that speaks otherwise", func(string) string { return "220 mail.example ESMTP\r\n" }, "the answer is not a netstring"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			at := answering(t, c.talk)
			d := &doctor{Installation: Installation{User: "nobody"}}
			w := setup.Wanted{Socketmap: at, Direct: true}
			var err error
			w.Bounce, err = message.ParseDomain("bounces.courseware.nl")
			must(t, err)
			began := time.Now()
			if ours := d.answersTables(w); ours != (c.wrong == "") {
				t.Errorf("ours: %v", ours)
			}
			f := d.findings[0]
			if (f.Level == OK) != (c.wrong == "") || !strings.Contains(f.Why, c.wrong) || f.Level == Error && f.Mend == "" {
				t.Errorf("%+v, want %q", f, c.wrong)
			}
			if took := time.Since(began); took > 3*tableTime {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestLeadsTo: which names of Postfix's for this host are those of a next hop.
func TestLeadsTo(t *testing.T) {
	for _, c := range []struct {
		hop, place string
		want       bool
	}{
		{"[mx.a.example]:25", "MX.A.example", true},
		{"mx.a.example:25", "mx.a.example.", true},
		{"[mx.a.example]:25", "a.example", false},
		{"[192.0.2.1]:25", "192.0.2.1", true},
		{"[192.0.2.1]:25", "::ffff:192.0.2.1", true},
		{"[ipv6:2001:db8::1]:25", "[2001:db8::1]", true},
		{"[192.0.2.1]:25", "192.0.2.10", false},
		{"[192.0.2.1]:25", "all", false},
	} {
		hop, err := tenant.ParseNextHop(c.hop)
		must(t, err)
		if leadsTo(hop, c.place) != c.want {
			t.Errorf("%s is %s: %v", c.hop, c.place, !c.want)
		}
	}
}

// TestHoldsCertificates: a folder of files that OpenSSL does not find is as good as empty.
func TestHoldsCertificates(t *testing.T) {
	dir := room(t)
	for _, c := range []struct {
		add  string
		want bool
	}{{"", false}, {"authority.pem", false}, {"README", false}, {"0a1b2c3d.0", true}} {
		if c.add != "" {
			must(t, os.WriteFile(filepath.Join(dir, c.add), nil, 0o644))
		}
		if holdsCertificates(dir) != c.want {
			t.Errorf("with %q: %v", c.add, !c.want)
		}
	}
	if holdsCertificates(filepath.Join(dir, "none")) {
		t.Error("in a folder that is not there")
	}
}
