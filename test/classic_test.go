package test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
	"onbehalf/test/peer"
)

const postsrsd = "/usr/sbin/postsrsd"

// srsDaemon is Debian's postsrsd, asked over its tcp_table(5) sockets.
type srsDaemon struct{ forward, reverse string }

func startSRS(t *testing.T, secret string) srsDaemon {
	t.Helper()
	peer.Need(t, postsrsd)
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := srsDaemon{peer.FreeAddr(t), peer.FreeAddr(t)}
	port := func(addr string) string { _, port, _ := net.SplitHostPort(addr); return port }
	command := exec.Command(postsrsd, "-4", "-s"+file, "-dbounces.courseware.nl", "-f"+port(d.forward), "-r"+port(d.reverse))
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { command.Process.Kill(); command.Wait() })
	return d
}

// ask looks a key up: "200 value", or why there is none.
func ask(t *testing.T, addr, key string) string {
	t.Helper()
	var conn net.Conn
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if conn, err = net.Dial("tcp", addr); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "get %s\n", key)
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(answer)
}

// TestClassicSRS: a platform that comes from postsrsd keeps its secret, and old
// bounces still find home. What postsrsd makes we read, and the other way round.
func TestClassicSRS(t *testing.T) {
	const secret = "a secret for the two of us"
	daemon := startSRS(t, secret)
	codec := rewrite.NewCodec(tenant.SRS{
		Secrets: []tenant.Secret{tenant.NewSecret([]byte(secret))}, MaxAge: 30 * 24 * time.Hour, ClassicUntil: time.Now(),
	}, time.Now())
	bounces, err := message.ParseDomain("bounces.courseware.nl")
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{
		"alice@x.example", "Mixed.Case@X.Example", "a+b=c@x.example", "o'hara@x.example",
		"SRS0=HHHH=TT=orig.example=bob@forwarder.example",
	} {
		made, found := strings.CutPrefix(ask(t, daemon.forward, address), "200 ")
		if !found {
			t.Errorf("postsrsd makes nothing of %s: %s", address, made)
			continue
		}
		theirs, err := codec.Decode(message.ParsePath(made).Address)
		if err != nil || !strings.EqualFold(theirs.Address.String(), address) {
			t.Errorf("postsrsd makes %s of %s; we read %s, %v", made, address, theirs.Address, err)
		}
		if strings.HasPrefix(address, "SRS0") {
			continue // classic SRS1 is never made by us
		}
		ours := codec.ClassicBounce(message.ParsePath(address).Address, bounces)
		if got := ask(t, daemon.reverse, ours.String()); !strings.EqualFold(got, "200 "+address) {
			t.Errorf("we make %s of %s; postsrsd says %s", ours, address, got)
		}
	}
	forged := message.ParsePath("SRS0=AAAA=" + "AA" + "=x.example=alice@bounces.courseware.nl").Address
	if d, err := codec.Decode(forged); err == nil {
		t.Errorf("a forged classic address leads to %s", d.Address)
	}
}
