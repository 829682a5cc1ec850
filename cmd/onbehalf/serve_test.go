package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/milter/mta"
	"onbehalf/tenant"
)

// testKey is made once: RSA takes its time.
var testKey = sync.OnceValues(func() (keys.Key, error) { return keys.Generate(tenant.RSA, 2048) })

func writeKey(path string) error {
	key, err := testKey()
	if err != nil {
		return err
	}
	return keys.Create(path, key)
}

// running is an `onbehalf serve` under test.
type running struct {
	t       *testing.T
	folder  string
	command *exec.Cmd
	notify  *net.UnixConn // what systemd would hear
	ended   chan error

	mu  sync.Mutex
	log []string
}

// startServe runs the daemon on a good configuration until it says READY.
func startServe(t *testing.T) *running {
	t.Helper()
	return startProgram(t, "onbehalf")
}

func startProgram(t *testing.T, program string) *running {
	t.Helper()
	return startCommand(t, func(config string) *exec.Cmd { return exec.Command(program, "serve", "--config", config) })
}

// startCommand runs a daemon by the command for its configuration, until it says READY.
func startCommand(t *testing.T, command func(config string) *exec.Cmd) *running {
	t.Helper()
	d := launch(t, func(folder string) *exec.Cmd { return command(folder + "/onbehalf.yaml") })
	d.hear("READY=1")
	return d
}

// launch begins to run a daemon by the command for the folder of its installation.
func launch(t *testing.T, command func(folder string) *exec.Cmd) *running {
	t.Helper()
	folder := t.TempDir()
	if err := writeInstallation(folder); err != nil {
		t.Fatal(err)
	}
	d := &running{t: t, folder: folder, ended: make(chan error, 1)}
	var err error
	if d.notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: folder + "/notify", Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	d.command = command(folder)
	d.command.Env = append(os.Environ(), "NOTIFY_SOCKET="+folder+"/notify")
	stderr, err := d.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.command.Start(); err != nil {
		t.Fatal(err)
	}
	go d.keep(bufio.NewScanner(stderr))
	t.Cleanup(d.cleanUp)
	return d
}

func (d *running) keep(lines *bufio.Scanner) {
	for lines.Scan() {
		d.mu.Lock()
		d.log = append(d.log, lines.Text())
		d.mu.Unlock()
	}
	d.ended <- d.command.Wait()
}

func (d *running) cleanUp() {
	d.command.Process.Kill()
	d.notify.Close()
	if d.t.Failed() {
		d.t.Logf("log:\n%s", d.said())
	}
}

func (d *running) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.log, "\n")
}

// says waits until the log has these texts, in this order.
func (d *running) says(texts ...string) {
	d.t.Helper()
	soon(func() bool { return firstMissing(d.said(), texts) == "" })
	has(d.t, d.said(), texts...)
}

// saysSoon waits until the log has a text.
func (d *running) saysSoon(text string) bool {
	return soon(func() bool { return strings.Contains(d.said(), text) })
}

// soon waits for a condition, for as long as a busy machine may take.
func soon(condition func() bool) bool {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if condition() {
			return true
		}
	}
	return false
}

// answers reports whether connections are taken at a socket: its file is there a moment before.
func answers(path string) bool {
	conn, err := net.Dial("unix", path)
	return err == nil && conn.Close() == nil
}

// hear waits for a notification and gives all of it.
func (d *running) hear(wanted string) string {
	d.t.Helper()
	buffer := make([]byte, 4096)
	d.notify.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		n, err := d.notify.Read(buffer)
		if err != nil {
			d.t.Fatalf("waiting for %s: %v\n%s", wanted, err, d.said())
		}
		if text := string(buffer[:n]); strings.Contains(text, wanted) {
			return text
		}
	}
}

// reload rewrites the configuration, sends SIGHUP and gives the STATUS afterwards.
func (d *running) reload(config string) string {
	d.t.Helper()
	if err := os.WriteFile(d.folder+"/onbehalf.yaml", []byte(config), 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.command.Process.Signal(syscall.SIGHUP)
	if text := d.hear("RELOADING=1"); !strings.Contains(text, "MONOTONIC_USEC=") {
		d.t.Errorf("notified %q without the instant", text)
	}
	return d.hear("READY=1")
}

func (d *running) config() string { return fmt.Sprintf(goodConfig, d.folder) }

// send passes one message from an author through the daemon.
func (d *running) send(author string) mta.Result {
	d.t.Helper()
	return d.sendTo(d.folder+"/milter.sock", author)
}

// sendTo is send, by another socket.
func (d *running) sendTo(socket, author string) mta.Result {
	d.t.Helper()
	client, err := mta.Dial("unix", socket)
	if err != nil {
		d.t.Fatal(err)
	}
	defer client.Close()
	mail := letter(author)
	if err := client.Connect(mail); err != nil {
		d.t.Fatal(err)
	}
	result, err := client.Send(mail)
	if err != nil {
		d.t.Fatal(err)
	}
	return result
}

func letter(author string) mta.Mail {
	return mta.Mail{
		Client: netip.MustParseAddr("127.0.0.1"), Host: "mail.courseware.nl", QueueID: "4X1",
		Sender: author, Recipients: []string{"student@receiver.example"},
		Header: message.Header{{Name: "From", Value: " " + author}, {Name: "Subject", Value: " Hello"}},
		Body:   []byte("Hello.\r\n"),
	}
}

func from(t *testing.T, r mta.Result) string {
	t.Helper()
	field, found := r.Header.Get("From")
	if !found {
		t.Fatalf("no From in %v", r)
	}
	return field.Text()
}

func TestServeSignsAndRewrites(t *testing.T) {
	d := startServe(t)
	if got := from(t, d.send("a@university.example")); got != "a@university.example" {
		t.Errorf("From of an authorized tenant: %s", got)
	}
	result := d.send("a@yourorganisationname.nl")
	if got := from(t, result); got != `"a via Courseware" <noreply@courseware.nl>` {
		t.Errorf("From of an unauthorized tenant: %s", got)
	}
	if signature, _ := result.Header.Get("DKIM-Signature"); !strings.Contains(signature.Text(), "d=courseware.nl;") {
		t.Errorf("signature %q", signature.Text())
	}
}

func TestReloadTakesEffect(t *testing.T) {
	d := startServe(t)
	status := d.reload(strings.Replace(d.config(), "authorization: unauthorized", "authorization: authorized", 1))
	if !strings.Contains(status, "STATUS=ok: 2 tenants, 3 domains, 2 keys") {
		t.Errorf("status %q", status)
	}
	if got := from(t, d.send("a@yourorganisationname.nl")); got != "a@yourorganisationname.nl" {
		t.Errorf("From after the reload: %s", got)
	}
}

// TestReloadRefuses: whatever is wrong with the new configuration, the old one
// goes on.
func TestReloadRefuses(t *testing.T) {
	d := startServe(t)
	good := d.config()
	for name, bad := range map[string]string{
		"empty":          "",
		"cut in the mid": good[:len(good)/2],
		"cut at the end": strings.TrimSuffix(good, "]\n"),
		"last line cut":  good + "    bounces_to: a@yourorganisationname.n",
		"unknown key":    good + "platfrom: {}\n",
		"no tenants":     good[:strings.Index(good, "tenants:\n")],
		"key is gone":    strings.Replace(good, "platform.pem", "gone.pem", 1),
		"not YAML":       "{",
	} {
		if status := d.reload(bad); !strings.Contains(status, "reload refused, the old configuration stays; ok: 2 tenants") {
			t.Errorf("%s: status %q", name, status)
		}
		if got := from(t, d.send("a@university.example")); got != "a@university.example" {
			t.Errorf("%s: From afterwards: %s", name, got)
		}
	}
	if status := d.reload(good); !strings.Contains(status, "STATUS=ok:") {
		t.Errorf("fixed: status %q", status)
	}
}

// TestTenantKeyFault: one tenant's bad key stops nobody, at start and reload.
func TestTenantKeyFault(t *testing.T) {
	d := startServe(t)
	if err := os.Chmod(filepath.Join(d.folder, "keys", "university.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.reload(d.config())
	result := d.send("a@university.example")
	if signature, _ := result.Header.Get("DKIM-Signature"); !strings.Contains(signature.Text(), "d=courseware.nl;") {
		t.Errorf("without its key the tenant is signed for by %q, want the platform", signature.Text())
	}
	if !d.saysSoon("university.pem") {
		t.Error("the log does not name the key")
	}
}

func TestReloadWarnsOfRestart(t *testing.T) {
	d := startServe(t)
	d.reload(strings.Replace(d.config(), "milter.sock", "other.sock", 1))
	if !d.saysSoon("listen differs from what the daemon runs with, and needs a restart") {
		t.Error("no warning that listen needs a restart")
	}
	d.send("a@university.example")
}

// TestReloadUnderLoad: no message is lost or decided by half a configuration while
// the daemon reloads again and again.
func TestReloadUnderLoad(t *testing.T) {
	d := startServe(t)
	ctx, cancel := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for ctx.Err() == nil {
				got := from(t, d.send("a@yourorganisationname.nl"))
				if got != "a@yourorganisationname.nl" && got != `"a via Courseware" <noreply@courseware.nl>` {
					t.Errorf("From %s is neither of the two", got)
				}
			}
		})
	}
	for i := range 20 {
		config := d.config()
		if i%2 == 0 {
			config = strings.Replace(config, "authorization: unauthorized", "authorization: authorized", 1)
		}
		d.reload(config)
	}
	cancel()
	senders.Wait()
}

// conversation is a connection to a daemon, frame by frame.
type conversation struct {
	*mta.Client
	t *testing.T
}

// converse connects, and says who the client is.
func (d *running) converse() conversation {
	d.t.Helper()
	client, err := mta.Dial("unix", d.folder+"/milter.sock")
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { client.Close() })
	if err := client.Connect(letter("a@university.example")); err != nil {
		d.t.Fatal(err)
	}
	return conversation{client, d.t}
}

func (c conversation) ask(command byte, words ...string) byte {
	c.t.Helper()
	code, _, err := c.Ask(command, words...)
	if err != nil {
		c.t.Fatalf("%c: %v", command, err)
	}
	return code
}

// envelope says MAIL and RCPT.
func (c conversation) envelope() {
	c.t.Helper()
	c.ask('M', "<a@university.example>")
	c.ask('R', "<student@receiver.example>")
}

// header says the header to its end.
func (c conversation) header() {
	c.t.Helper()
	c.ask('L', "From", " a@university.example")
	c.ask('N')
}

// TestTermDrains: at SIGTERM a message that has come to the end of its header comes to its end. One
// that has not is cut at once, unanswered, so that Postfix defers it. New connections are not taken,
// the socket is gone, and the exit status is 0.
func TestTermDrains(t *testing.T) {
	d := startServe(t)
	due, begun := d.converse(), d.converse()
	begun.envelope()
	due.envelope()
	due.header()
	d.command.Process.Signal(syscall.SIGTERM)
	d.hear("STOPPING=1")
	if !soon(func() bool { _, err := os.Stat(d.folder + "/milter.sock"); return os.IsNotExist(err) }) {
		t.Fatal("the socket stays")
	}
	begun.Write('L', []byte("From\x00 a@university.example\x00"))
	begun.Write('N', nil)
	if code, _, err := begun.Read(); err == nil {
		t.Errorf("the message that had not come to the end of its header is answered %c", code)
	}
	select {
	case err := <-d.ended:
		t.Fatalf("ended before the message that is due: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if code := due.ask('E'); code != 'h' && code != 'i' {
		t.Errorf("the message under way was answered %c, want edits", code)
	}
	select {
	case err := <-d.ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("did not end")
	}
	if !d.saysSoon("kept=1") || strings.Count(d.said(), "msg=message") != 1 {
		t.Error("the message under way is not counted, or the other is")
	}
	if !d.saysSoon("messages were cut before the end of their header") || !strings.Contains(d.said(), "messages=1") {
		t.Error("the message that was cut is not told of")
	}
}

// TestTermIsQuick: who is idle behind MAIL or RCPT, or between messages, holds up nothing.
func TestTermIsQuick(t *testing.T) {
	d := startServe(t)
	idle, begun := d.converse(), d.converse()
	idle.ask('U', "settle")
	begun.envelope()
	before := time.Now()
	d.command.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-d.ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("did not end")
	}
	if took := time.Since(before); took > 10*time.Second {
		t.Errorf("the end took %v", took)
	}
}

// TestConnectionLimit: limits.connections is what the milter goes by, and status says what had to go.
func TestConnectionLimit(t *testing.T) {
	t.Setenv("ONBEHALF_LIMITS_CONNECTIONS", "10")
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	d := startServe(t)
	var all []conversation
	for range 10 {
		c := d.converse()
		c.envelope()
		all = append(all, c)
	}
	if _, err := mta.Dial("unix", d.folder+"/milter.sock"); err == nil {
		t.Error("one more is served")
	}
	_, out, _ := d.onbehalf("status")
	has(t, out, "MORE CONNECTIONS THAN limits.connections (10): 1 refused, and 0 closed between two messages")
	for _, c := range all {
		c.header()
		if code := c.ask('E'); code != 'h' && code != 'i' {
			t.Errorf("answered %c", code)
		}
	}
}

// TestTermWhateverGoesOn: a message that never ends, questions that never end, reloads without a
// pause and a log that nobody reads do not keep the daemon from its end.
func TestTermWhateverGoesOn(t *testing.T) {
	t.Parallel() // it takes its half a minute
	d, unread := startUnread(t)
	d.stall(unread)
	stuck := d.converse()
	stuck.envelope()
	stuck.header()
	for _, name := range []string{"/admin.sock", "/socketmap.sock"} {
		conn, err := net.Dial("unix", d.folder+name)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte("2"))
	}
	done := make(chan bool)
	go func() {
		for d.command.Process.Signal(syscall.SIGHUP) == nil {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	time.Sleep(200 * time.Millisecond)
	before := time.Now()
	d.command.Process.Signal(syscall.SIGTERM)
	d.command.Wait()
	close(done)
	if took := time.Since(before); took < 30*time.Second || took > 36*time.Second {
		t.Errorf("the end took %v", took)
	}
}

func TestServeRefusesBadConfiguration(t *testing.T) {
	folder := t.TempDir()
	if err := writeInstallation(folder); err != nil {
		t.Fatal(err)
	}
	os.Remove(folder + "/srs.secrets")
	out, err := exec.Command("onbehalf", "serve", "--config", folder+"/onbehalf.yaml").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "srs.secrets") || !strings.Contains(string(out), "not started") {
		t.Errorf("%v: %s", err, out)
	}
}
