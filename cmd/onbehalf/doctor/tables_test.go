package doctor

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onbehalf/config"
	"onbehalf/postfix"
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
			d.Config = &config.Config{Socketmap: at}
			w := postfix.Wanted{Socketmap: at.String(), Bounce: "bounces.courseware.nl"}
			began := time.Now()
			if ours := d.answersTables(w); ours != (c.wrong == "") {
				t.Errorf("ours: %v", ours)
			}
			f := d.findings[0]
			if (f.Level == OK) != (c.wrong == "") || !strings.Contains(f.Why, c.wrong) || f.Level == Error && f.Fix == "" {
				t.Errorf("%+v, want %q", f, c.wrong)
			}
			if took := time.Since(began); took > 3*tableTime {
				t.Errorf("it took %s", took)
			}
		})
	}
}
