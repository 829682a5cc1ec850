package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"onbehalf/test/peer"
	"onbehalf/test/postfix"
)

// mailHost is a Postfix that discards what it takes, with a port for each milter. It does not wait
// when more comes than it delivers (in_flow_delay), which it would do in some rounds and not in
// others.
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
in_flow_delay = 0
`})
	return &mailHost{instance, filepath.Join(instance.QueueDir, "onbehalf")}
}

const (
	sessions = 20
	accepted = 1000 // messages in a round
)

// measure prints how many messages of 4 kB Postfix takes in a second from 20 sessions, without
// a milter and with each, and the processor time of a message until it is delivered. That holds
// where others use the host, too, but for what the host spends, which is theirs as well.
func (h *mailHost) measure(t testing.TB, all []*process) {
	all = append([]*process{{name: "none"}}, all...)
	var ports []string
	lines := ""
	for _, p := range all {
		ports = append(ports, peer.FreeAddr(t))
		milter := ""
		if p.socket != "" {
			milter = "unix:onbehalf/" + filepath.Base(p.socket)
		}
		lines += ports[len(ports)-1] + " inet n - y - - smtpd -o smtpd_milters=" + milter + "\n"
	}
	h.serve(t, lines)
	figures := make(series)
	for range *rounds {
		for i, p := range all {
			h.round(t, figures, p, ports[i])
		}
	}
	fmt.Printf("\nMessages of 4 kB that Postfix takes in a second, %d sessions, the share of none, and CPU of a message, ms\n", sessions)
	fmt.Printf("  %-18s %7s %6s %7s %7s %7s\n", "", "rate", "share", "host", "Postfix", "milter")
	for _, p := range all {
		of := func(kind string) float64 { return figures.median(kind + p.name) }
		fmt.Printf("  %-18s %7.0f %6.2f %7.2f %7.2f %7s\n", p.name, of("rate"), of("rate")/figures.median("ratenone"), of("host"), of("postfix"), orDash("%.2f", of("milter")))
	}
}

// round sends messages through a milter, and waits until all are delivered: what one round leaves
// in the queue would be at the cost of the next.
func (h *mailHost) round(t testing.TB, figures series, milter *process, addr string) {
	h.drain(t)
	host, postfix, own := hostCPU(), h.cpu(t), milter.cpu()
	figures.add("rate"+milter.name, rate(t, addr))
	h.drain(t)
	for kind, spent := range map[string]time.Duration{"host": hostCPU() - host, "postfix": h.cpu(t) - postfix, "milter": milter.cpu() - own} {
		figures.add(kind+milter.name, float64(spent)/1e6/accepted)
	}
}

// drain waits until nothing is in the queue.
func (h *mailHost) drain(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		left := 0
		for _, name := range []string{"incoming", "active"} {
			files, err := os.ReadDir(filepath.Join(h.instance.QueueDir, name))
			if err != nil {
				t.Fatal(err)
			}
			left += len(files)
		}
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d messages are not delivered", left)
		}
	}
}

// cpu returns the processor time that all programs of Postfix have taken, those that have ended
// too.
func (h *mailHost) cpu(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(h.instance.QueueDir, "pid", "master.pid"))
	if err != nil {
		t.Fatal(err)
	}
	master, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return cpuOf(group(master)) + childrenCPU(master)
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
	spent := time.Since(start)
	for _, c := range clients {
		c.Do("QUIT")
	}
	if i := slices.IndexFunc(failed, func(s string) bool { return s != "" }); i >= 0 {
		t.Errorf("%s: %s", addr, failed[i])
	}
	return accepted / spent.Seconds()
}
