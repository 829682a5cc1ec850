package test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"onbehalf/admin"
	"onbehalf/test/nameserver"
	"onbehalf/test/postfix"
)

// TestLogIsNotRead: whoever reads the log ends, or stops reading. Mail goes on, and the daemon
// ends as it should. Who reads again hears how many lines are missing.
func TestLogIsNotRead(t *testing.T) {
	parent := t
	w := &watched{premises: openPremises(t, watchedTenants)}
	w.publish(nameserver.TXT(customer, "v=spf1 ip4:80.84.235.70 -all"), w.key(customer))
	w.row2()
	for name, closed := range map[string]bool{"closed": true, "stalled": false} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			defer func() { w.t = parent }()
			w.stop()
			log := w.serveUnread()
			defer log.Close()
			if closed {
				log.Close()
			}
			w.row2()
			client := postfix.Dial(t, w.postfix.SMTPAddr)
			if !closed {
				w.fillLog()
			}
			for range 60 { // a line each
				if reply := client.Send(kept, []string{"student@receiver.example"}, []byte("From: "+own+"\r\nSubject: Your course\r\n\r\nWelcome.\r\n")); !reply.OK() {
					t.Fatal(reply)
				}
				if got := take(t, w.sink.Wait(t, 1)[0]); got.from() != own || len(got.signatures) != 1 {
					t.Fatalf("From %s, %d signatures", got.from(), len(got.signatures))
				}
			}
			client.Do("QUIT")
			w.row2()
			if !closed {
				w.hears(log, "log lines were dropped because nobody read them")
			}
		})
	}
}

// row2 waits until status says that the tenant's mail leaves as its own.
func (w *watched) row2() {
	w.t.Helper()
	w.await("the tenant to be in row 2", func() bool {
		out, _, _ := w.run("status", "yourorg")
		return strings.Contains(out, "row 2")
	})
}

// fillLog has the daemon log more than it keeps for a reader that has stalled: reloads that are
// refused, each for a hundred reasons.
func (w *watched) fillLog() {
	w.t.Helper()
	var wrong strings.Builder
	for i := range 100 {
		fmt.Fprintf(&wrong, "wrong%d%s: 1\n", i, strings.Repeat("x", 100))
	}
	file := filepath.Join(w.folder, "tenants.d", "wrong.yaml")
	if err := os.WriteFile(file, []byte(wrong.String()), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.await("lines to be dropped", func() bool {
		w.daemon.Process.Signal(unix.SIGHUP)
		out, _, _ := w.run("status", "--json")
		var status admin.Status
		return json.Unmarshal([]byte(out), &status) == nil && status.Log.Dropped > 0
	})
	if err := os.Remove(file); err != nil {
		w.t.Fatal(err)
	}
	w.daemon.Process.Signal(unix.SIGHUP)
}

// serveUnread runs the daemon with its log in a small pipe, and returns the end to read from.
func (w *watched) serveUnread() *os.File {
	w.t.Helper()
	read, write, err := os.Pipe()
	if err == nil {
		_, err = unix.FcntlInt(write.Fd(), unix.F_SETPIPE_SZ, 4096)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	w.daemon = w.command()
	w.daemon.Stderr = write
	if err := w.daemon.Start(); err != nil {
		w.t.Fatal(err)
	}
	write.Close()
	return read
}

// hears reads the log until a line has a text.
func (w *watched) hears(log *os.File, text string) {
	w.t.Helper()
	log.SetReadDeadline(time.Now().Add(30 * time.Second))
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if strings.Contains(lines.Text(), text) {
			go func() { // to its end, so that the daemon can write its last lines
				for lines.Scan() {
				}
			}()
			return
		}
	}
	w.t.Errorf("the log never says %q", text)
}
