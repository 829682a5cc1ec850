package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"onbehalf/test/peer"
	"onbehalf/test/postfix"
)

// mailHost is a Postfix that discards what it takes, with a port for each milter.
type mailHost struct {
	instance *postfix.Instance
	sockets  string
}

func startPostfix(t testing.TB) *mailHost {
	t.Helper()
	instance := postfix.Start(t, postfix.Options{NextHop: "[127.0.0.1]:9", Main: `
default_transport = discard:
relay_transport = discard:
mynetworks = 0.0.0.0/0
local_header_rewrite_clients =
smtpd_milters =
non_smtpd_milters =
milter_default_action = tempfail
smtpd_client_connection_count_limit = 0
default_process_limit = 200
`})
	return &mailHost{instance, filepath.Join(instance.QueueDir, "onbehalf")}
}

const (
	sessions = 20
	accepted = 1000 // messages in a round
)

// measure prints how many messages of 4 kB Postfix takes in a second from 20 sessions, without
// a milter and with each.
func (h *mailHost) measure(t testing.TB, all []*process) {
	names, ports := []string{"none"}, []string{peer.FreeAddr(t)}
	lines := ports[0] + " inet n - y - - smtpd -o smtpd_milters=\n"
	for _, p := range all {
		addr := peer.FreeAddr(t)
		names, ports = append(names, p.name), append(ports, addr)
		lines += addr + " inet n - y - - smtpd -o smtpd_milters=unix:onbehalf/" + filepath.Base(p.socket) + "\n"
	}
	h.serve(t, lines)
	figures := make(series)
	for range *rounds {
		for i, port := range ports {
			figures.add(names[i], rate(t, port))
		}
	}
	fmt.Printf("\nMessages of 4 kB that Postfix takes in a second, %d sessions, and the share of none\n", sessions)
	for _, name := range names {
		fmt.Printf("  %-18s %7.0f %6.2f\n", name, figures.median(name), figures.median(name)/figures.median("none"))
	}
}

// serve adds SMTP servers to Postfix.
func (h *mailHost) serve(t testing.TB, lines string) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(h.instance.ConfigDir, "master.cf"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteString(lines)
	}
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	if out, err := exec.Command("/usr/sbin/postfix", "-c", h.instance.ConfigDir, "reload").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	time.Sleep(2 * time.Second) // for the ports to be there
}

// rate sends messages over all sessions at once.
func rate(t testing.TB, addr string) float64 {
	m := variants[0].mail(4 << 10)
	var text strings.Builder
	for _, field := range m.header {
		text.WriteString(field[0] + ":" + field[1] + "\r\n")
	}
	text.WriteString("\r\n" + string(m.body))
	var clients []*postfix.Client
	for range sessions {
		clients = append(clients, postfix.Dial(t, addr))
	}
	octets := []byte(text.String())
	var sending sync.WaitGroup
	failed := make([]string, sessions)
	start := time.Now()
	for i, c := range clients {
		sending.Go(func() {
			for range accepted / sessions {
				c.Do("MAIL FROM:<" + m.sender + ">")
				c.Do("RCPT TO:<" + m.recipient + ">")
				if reply := c.Data(octets); !reply.OK() {
					failed[i] = fmt.Sprint(reply)
					return
				}
			}
		})
	}
	sending.Wait()
	if i := slices.IndexFunc(failed, func(s string) bool { return s != "" }); i >= 0 {
		t.Errorf("%s: %s", addr, failed[i])
	}
	return accepted / time.Since(start).Seconds()
}
