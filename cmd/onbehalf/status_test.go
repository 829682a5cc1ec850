package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"onbehalf/admin"
	"onbehalf/authorize"
	"onbehalf/authorize/watch"
	"onbehalf/cmd/onbehalf/daemon"
	"onbehalf/config"
	"onbehalf/keys"
	"onbehalf/tenant"
)

// watched is a DNS server of a test: the TXT records of some names, and nothing else.
type watched struct {
	mu      sync.Mutex
	records map[string]string
	broken  bool // answers SERVFAIL
}

// watchedZone gives a zone and where to ask for it.
func watchedZone(t *testing.T, records map[string]string) (*watched, string) {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	z := &watched{records: records}
	server := &dns.Server{PacketConn: packets, Handler: z}
	go server.ActivateAndServe()
	t.Cleanup(func() { packets.Close() })
	return z, packets.LocalAddr().String()
}

// ServeDNS is of dns.Handler.
func (z *watched) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	answer := new(dns.Msg).SetReply(question)
	q := question.Question[0]
	text, found := z.records[strings.ToLower(strings.TrimSuffix(q.Name, "."))]
	switch {
	case z.broken:
		answer.Rcode = dns.RcodeServerFailure
	case !found:
		answer.Rcode = dns.RcodeNameError
	case q.Qtype == dns.TypeTXT:
		rr := &dns.TXT{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60}}
		for ; len(text) > 255; text = text[255:] {
			rr.Txt = append(rr.Txt, text[:255])
		}
		rr.Txt = append(rr.Txt, text)
		answer.Answer = []dns.RR{rr}
	}
	w.WriteMsg(answer)
}

// startWatched runs a daemon with an admin socket, whose tenants are looked up in a zone, again and
// again.
func startWatched(t *testing.T, records map[string]string) (*running, *watched) {
	t.Helper()
	return startWatchedEvery(t, "1s", records)
}

func startWatchedEvery(t *testing.T, interval string, records map[string]string) (*running, *watched) {
	t.Helper()
	key, err := testKey()
	if err != nil {
		t.Fatal(err)
	}
	record, err := keys.Record(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range records {
		records[name] = strings.ReplaceAll(text, "KEY", record)
	}
	z, server := watchedZone(t, records)
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	t.Setenv("ONBEHALF_DNS_SERVERS", server)
	t.Setenv("ONBEHALF_DNS_ACTIVE_EVERY", interval)
	t.Setenv("ONBEHALF_DNS_PENDING_EVERY", interval)
	d := startServe(t)
	status := d.reload(strings.NewReplacer("authorization: unauthorized", "authorization: auto",
		"authorization: authorized", "authorization: auto").Replace(d.config()))
	if !strings.Contains(status, "STATUS=ok:") {
		t.Fatal(status)
	}
	return d, z
}

// lookedUp waits until DNS has been asked about a number of domains.
func (d *running) lookedUp(domains int) bool {
	return soon(func() bool {
		var s admin.Status
		err := admin.Ask("unix", d.socket(), "/status", &s)
		return err == nil && s.DNS.Domains == domains && s.DNS.NotLookedUp == 0
	})
}

func (z *watched) remove(name string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	delete(z.records, name)
}

func (z *watched) publish(name, text string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records[name] = text
}

func (z *watched) breakDown() {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.broken = true
}

// onbehalf runs a command line on the daemon's configuration.
func (d *running) onbehalf(args ...string) (status int, out, talk string) {
	var stdout, stderr bytes.Buffer
	status = run(append(args, "--config", d.folder+"/onbehalf.yaml"), strings.NewReader(""), &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

// socket is the path of the daemon's admin socket.
func (d *running) socket() string { return strings.TrimPrefix(os.Getenv("ONBEHALF_ADMIN"), "unix:") }

// has checks that a text holds others, in their order and however its lines are broken.
func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	if part := firstMissing(text, parts); part != "" {
		t.Errorf("%q is missing, or too early, in:\n%s", part, text)
	}
}

// firstMissing returns the first of the parts that is not in a text behind those before it.
func firstMissing(text string, parts []string) string {
	rest := strings.Join(strings.Fields(text), " ")
	for _, part := range parts {
		_, behind, found := strings.Cut(rest, strings.Join(strings.Fields(part), " "))
		if !found {
			return part
		}
		rest = behind
	}
	return ""
}

// published is the DNS of two customers: the university has published its key, and Your
// Organisation nothing that helps.
func published() map[string]string {
	return map[string]string{
		"university.example":                "v=spf1 -all",
		"cw1._domainkey.university.example": "KEY",
		"yourorganisationname.nl":           "v=spf1 ip4:192.0.2.1 \x1b[2J -all",
		"_dmarc.yourorganisationname.nl":    "v=DMARC1; p=reject",
	}
}

func TestStatus(t *testing.T) {
	d, z := startWatched(t, published())
	if !d.lookedUp(4) {
		t.Fatal("not all domains were looked up: " + d.said())
	}
	d.send("a@university.example")
	if !d.saysSoon("msg=message") { // it is counted when its answer is on the way
		t.Fatal("the message is not in the log: " + d.said())
	}
	status, out, talk := d.onbehalf("status")
	if status != 0 || talk != "" {
		t.Errorf("status %d: %s", status, talk)
	}
	has(t, out, "onbehalf dev is running, pid ", "Configuration  ok: 2 tenants, 3 domains, 2 keys", "loaded ", d.folder+"/onbehalf.yaml",
		"Last reload ", ", loaded in ", "DNS            answers", "4 domains watched, the oldest answer ",
		"Tenants        2, whose mail leaves", "1 as themselves, with a DKIM signature of their own", "1 in the platform's name",
		"Messages       1 kept", "Problems: ", "(platform)  courseware.nl", "yourorg     yourorganisationname.nl  spf ", "pending",
		"Last changes:", " -> ")
	if strings.Contains(out, "\x1b") {
		t.Errorf("%q", out)
	}
	_, out, _ = d.onbehalf("status", "university")
	has(t, out, "university, authorization: auto", "university.example\n", "row 3 key: leaves as its own", "a bounce address at bounces.courseware.nl",
		"SPF          pending for ", "DKIM cw1     active for ", "DMARC        no record", "*.university.example\n", "row 6 on-behalf")
	_, out, _ = d.onbehalf("status", "yourorg")
	has(t, out, "yourorg (Your Organisation)", "row 6 on-behalf: leaves in the platform's name", "SPF          pending", "p=reject")

	z.remove("cw1._domainkey.university.example")
	if !soon(func() bool { _, out, _ := d.onbehalf("status"); return strings.Contains(out, "active -> warning") }) {
		t.Fatal("a key that is gone is not told of")
	}
	_, out, _ = d.onbehalf("status")
	has(t, out, "university  university.example       dkim cw1   warning", "Last changes:", "university.example dkim cw1: active -> warning")
	_, out, _ = d.onbehalf("status", "university")
	has(t, out, "row 3 key: leaves as its own", "DKIM cw1     warning for", "Mail still relies on it")
}

// TestStatusWithoutDNS: silence is told of, and demotes nobody.
func TestStatusWithoutDNS(t *testing.T) {
	d, z := startWatched(t, published())
	if !d.lookedUp(4) {
		t.Fatal("not all domains were looked up: " + d.said())
	}
	z.breakDown()
	var out string
	if !soon(func() bool { _, out, _ = d.onbehalf("status"); return strings.Contains(out, "NO ANSWER since") }) {
		t.Fatal(out)
	}
	has(t, out, "DNS            NO ANSWER since ", "All standings stay as they are.", "Asked ", "The state stays as it is.")
	has(t, out, "1 as themselves, with a DKIM signature of their own")
}

func TestStatusAsJSON(t *testing.T) {
	d, _ := startWatched(t, published())
	if !d.lookedUp(4) {
		t.Fatal("not all domains were looked up: " + d.said())
	}
	status, out, talk := d.onbehalf("status", "--json")
	var s admin.Status
	if err := json.Unmarshal([]byte(out), &s); err != nil || status != 0 || talk != "" {
		t.Fatalf("status %d, %v: %s%s", status, err, out, talk)
	}
	if s.Version != version || s.PID != d.command.Process.Pid || s.Configuration.Summary != "ok: 2 tenants, 3 domains, 2 keys" ||
		s.Reload == nil || !s.Reload.OK || len(s.Listen) != 1 || s.Tenants.Total != 2 || s.DNS.Domains != 4 || len(s.Changes) == 0 {
		t.Errorf("%+v", s)
	}
	if strings.Contains(out, "\x1b") || strings.Contains(out, "SRS0=") {
		t.Errorf("%q", out)
	}
	status, out, _ = d.onbehalf("status", "yourorg", "--json")
	var one admin.Tenant
	if err := json.Unmarshal([]byte(out), &one); err != nil || status != 0 || one.Domains[0].Row != "6 on-behalf" || one.Domains[0].Standing.SPF.State != tenant.Pending {
		t.Errorf("status %d, %v: %s", status, err, out)
	}
	if status, out, talk := d.onbehalf("status", "nobody"); status != 1 || out != "" || !strings.Contains(talk, `there is no tenant "nobody"`) {
		t.Errorf("status %d: %s%s", status, out, talk)
	}
}

// TestKeptObservation: the daemon has what DNS answered last, and judges it like what it acts by.
func TestKeptObservation(t *testing.T) {
	d, z := startWatched(t, published())
	if !d.lookedUp(4) {
		t.Fatal("not all domains were looked up: " + d.said())
	}
	z.breakDown()
	var o authorize.Observation
	if err := admin.Ask("unix", d.socket(), "/observations/university.example", &o); err != nil {
		t.Fatal(err)
	}
	now, _ := daemon.Load(d.folder + "/onbehalf.yaml")
	for _, target := range authorize.Targets(now.Table().Snapshot().Tenant("university"), now.Ring()) {
		report := authorize.Judge(o, now.Platform, target)
		if report.Keys[0].Verdict != authorize.There || report.SPF.Reason != authorize.SPFNotCovered || o.At.IsZero() {
			t.Errorf("%+v", report)
		}
	}
}

// TestStatusOfReloads: whoever broke the configuration finds out, and the socket is
// found in a configuration that is broken.
func TestStatusOfReloads(t *testing.T) {
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	d := startServe(t)
	_, out, _ := d.onbehalf("status")
	has(t, out, "Last reload    none since the start", "DNS            nothing to look up: no tenant has authorization: auto")

	if err := os.WriteFile(d.folder+"/onbehalf.yaml", []byte(d.config()+"platfrom: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, talk := d.onbehalf("status")
	has(t, out, "Last reload    none since the start")
	has(t, talk, "The configuration on disk would be refused now: ", "platfrom", "onbehalf check-config")
	if status != 0 {
		t.Errorf("status %d", status)
	}

	d.reload(d.config() + "platfrom: {}\n")
	_, out, talk = d.onbehalf("status")
	has(t, out, "Configuration  ok: 2 tenants", "Last reload    REFUSED ", "error: ", "platfrom", "Fix that, then run: systemctl reload")
	if talk != "" {
		t.Errorf("said twice: %s", talk)
	}
	d.reload(d.config() + "    bounces_to: a@university.exampl")
	_, out, _ = d.onbehalf("status")
	has(t, out, "Last reload    REFUSED ", "error: ", "may be truncated")

	if err := os.Chmod(d.folder+"/keys/university.pem", 0o644); err != nil {
		t.Fatal(err)
	}
	d.reload(strings.Replace(d.config(), "milter.sock", "other.sock", 1))
	_, out, _ = d.onbehalf("status")
	has(t, out, "fault: ", "university.pem", "not in use until a restart: listen;", "Last reload ", ", loaded in ")
	_, out, _ = d.onbehalf("status", "university")
	has(t, out, "university, authorization: authorized", "its DNS is not looked up", "fault: ", "university.pem", "row 5 spf: ")
	d.reload(d.config())
	if _, out, _ = d.onbehalf("status"); strings.Contains(out, "not in use until a restart") {
		t.Errorf("what was changed back needs no restart:\n%s", out)
	}
}

// TestAdminSocket: it lets in the group, goes with the daemon, and the next daemon finds its way
// over what a killed one left.
func TestAdminSocket(t *testing.T) {
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	d := startServe(t)
	info, err := os.Stat(d.socket())
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Fatalf("%v, %v", info, err)
	}
	d.command.Process.Kill()
	<-d.ended
	if status, _, talk := d.onbehalf("status"); status != 1 || !strings.Contains(talk, "onbehalf is NOT running: no process answers at unix:"+d.socket()) {
		t.Errorf("status %d: %s", status, talk)
	}
	next := startServe(t)
	if status, _, talk := next.onbehalf("status"); status != 0 {
		t.Errorf("status %d: %s", status, talk)
	}
	next.command.Process.Signal(syscall.SIGTERM)
	<-next.ended
	if _, err := os.Stat(d.socket()); !os.IsNotExist(err) {
		t.Errorf("the socket stays: %v", err)
	}
	if status, _, talk := next.onbehalf("status"); status != 1 || !strings.Contains(talk, "onbehalf is NOT running") {
		t.Errorf("status %d: %s", status, talk)
	}
}

// TestAdminSocketFails: without it, mail goes on, and the log says what to do.
func TestAdminSocketFails(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("ONBEHALF_ADMIN", "unix:"+folder+"/gone/admin.sock")
	d := startServe(t)
	d.send("a@university.example")
	d.says("level=WARN", "no admin socket", "remedy=\"create "+folder+"/gone")
	status, _, talk := d.onbehalf("status")
	has(t, talk, "no process answers at unix:"+folder+"/gone/admin.sock, but one does at unix:"+d.folder+"/milter.sock")
	if status != 1 {
		t.Errorf("status %d", status)
	}

	t.Setenv("ONBEHALF_ADMIN", "unix:"+folder+"/admin.sock")
	startServe(t)
	second := startServe(t)
	second.send("a@university.example")
	second.says("level=ERROR", "no admin socket", "another process answers at")
}

func TestAdminOff(t *testing.T) {
	folder := t.TempDir()
	if err := writeInstallation(folder); err != nil {
		t.Fatal(err)
	}
	d := &running{t: t, folder: folder}
	status, _, talk := d.onbehalf("status")
	has(t, talk, "the admin socket is off in "+folder, "write admin: unix:/run/onbehalf/admin.sock")
	if status != 1 {
		t.Errorf("status %d", status)
	}
}

// TestStatusGuesses where to ask when the configuration does not tell, and says so.
func TestStatusGuesses(t *testing.T) {
	if conn, err := net.Dial(config.DefaultAdmin.Network, config.DefaultAdmin.Address); err == nil {
		conn.Close()
		t.Skip("onbehalf is running on this host")
	}
	d := &running{t: t, folder: t.TempDir()}
	status, _, talk := d.onbehalf("status")
	has(t, talk, "onbehalf is NOT running: no process answers at unix:/run/onbehalf/admin.sock", "the configuration cannot be read: "+d.folder+"/onbehalf.yaml: does not exist")
	if status != 1 {
		t.Errorf("status %d", status)
	}
}

// TestStatusOfUnreadableState: when the standings of the last run cannot be read, none are saved over
// them, and status says so for as long as the daemon runs.
func TestStatusOfUnreadableState(t *testing.T) {
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	var file string
	d := launch(t, func(folder string) *exec.Cmd {
		file = folder + "/standings.jsonl"
		if err := os.Mkdir(file, 0o700); err != nil { // reading a folder fails whoever we are
			t.Fatal(err)
		}
		return exec.Command("onbehalf", "serve", "--config", folder+"/onbehalf.yaml")
	})
	d.hear("READY=1")
	_, out, _ := d.onbehalf("status")
	has(t, out, "NOT SAVED, and lost at a restart: standings of the last run cannot be read: ", file+": is a directory; move it away, then run: systemctl restart onbehalf")
	var status admin.Status
	_, out, _ = d.onbehalf("status", "--json")
	if err := json.Unmarshal([]byte(out), &status); err != nil || status.DNS.Unsaved == "" || status.DNS.UnsavedFix == "" {
		t.Errorf("%v: %s", err, out)
	}
	d.command.Process.Signal(syscall.SIGTERM)
	if err := d.endsSoon(); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(file); err != nil || !info.IsDir() {
		t.Errorf("it was saved over: %v", err)
	}
}

// TestStatusMayNotRead: who may ask the daemon but not read its configuration is not warned that
// it would be refused: the daemon is another user.
func TestStatusMayNotRead(t *testing.T) {
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	d := startServe(t)
	config := d.folder + "/onbehalf.yaml"
	for _, path := range []string{d.folder + "/srs.secrets", d.folder + "/tenants.d", config} {
		info, err := os.Stat(path)
		if err == nil {
			err = os.Chmod(path, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		command := []string{"onbehalf", "status", "--config", config, "--socket", "unix:" + d.socket()}
		if os.Geteuid() == 0 { // who may read everything
			command = append([]string{"setpriv", "--bounding-set=-dac_override,-dac_read_search"}, command...)
		}
		out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "is running, pid ") || strings.Contains(string(out), "would be refused") {
			t.Errorf("without %s: %v\n%s", path, err, out)
		}
		if err := os.Chmod(path, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStatusWithBrokenConfiguration: the daemon is found by what is left of the file, by the environment, or
// by a flag.
func TestStatusWithBrokenConfiguration(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("ONBEHALF_ADMIN", "unix:"+folder+"/admin.sock")
	d := startServe(t)
	broken := func(text string) {
		t.Helper()
		if err := os.WriteFile(d.folder+"/onbehalf.yaml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fine := func(args ...string) {
		t.Helper()
		status, out, talk := d.onbehalf(append([]string{"status"}, args...)...)
		has(t, out, "is running, pid ", "Configuration  ok: 2 tenants")
		has(t, talk, "The configuration on disk would be refused now: ")
		if status != 0 {
			t.Errorf("status %d: %s", status, talk)
		}
	}
	broken("{")
	fine() // by the environment
	t.Setenv("ONBEHALF_ADMIN", "")
	os.Unsetenv("ONBEHALF_ADMIN")
	socket := "unix:" + folder + "/admin.sock"
	for _, line := range []string{"admin: " + socket, `admin:   "` + socket + "\" # ours", "admin: '" + socket + "'\r"} {
		broken("listen: [\nplatform: {{\n" + line + "\n\t}")
		fine()
	}
	broken("{")
	fine("--socket", socket)
	if status, out, _ := d.onbehalf("status", "university", "--socket", socket); status != 0 || !strings.Contains(out, "university, authorization: authorized") {
		t.Errorf("status %d: %s", status, out)
	}
	status, _, talk := d.onbehalf("status", "--socket", "/run/onbehalf/admin.sock")
	has(t, talk, "--socket: ", "write unix:/run/onbehalf/admin.sock")
	if status != 2 {
		t.Errorf("status %d", status)
	}
	d.onbehalf("status", "--socket", "unix:"+folder+"/gone.sock")
	status, _, talk = d.onbehalf("status", "--socket", "unix:"+folder+"/gone.sock")
	has(t, talk, "no process answers at unix:"+folder+"/gone.sock")
	if status != 1 {
		t.Errorf("status %d", status)
	}
}

// TestRemovedSockets: whoever removes the daemon's sockets stops mail for seconds. The log and status
// say so.
func TestRemovedSockets(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("ONBEHALF_ADMIN", "unix:"+folder+"/admin.sock")
	t.Setenv("ONBEHALF_SOCKETMAP", "unix:"+folder+"/socketmap.sock")
	d := startServe(t)
	for _, path := range []string{d.folder + "/milter.sock", folder + "/admin.sock", folder + "/socketmap.sock"} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if !soon(func() bool { return answers(path) }) {
			t.Fatal("it is not created again")
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
			t.Errorf("%v, %v", info, err)
		}
	}
	if got := from(t, d.send("a@university.example")); got != "a@university.example" {
		t.Errorf("From: %s", got)
	}
	if got := look(t, folder+"/socketmap.sock", "transport *"); got != "NOTFOUND " {
		t.Errorf("the socketmap answers %q", got)
	}
	_, out, _ := d.onbehalf("status")
	has(t, out, "the file of unix:"+d.folder+"/milter.sock was removed, and was created again")
	has(t, out, "the file of unix:"+folder+"/socketmap.sock was removed, and was created again")
	if !soon(func() bool { return strings.Count(d.said(), "a socket file was removed, and was created again") == 3 }) {
		t.Errorf("not three times in the log: %s", d.said())
	}
	if err := os.Remove(folder + "/socketmap.sock"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder+"/socketmap.sock", 0o700); err != nil {
		t.Fatal(err)
	}
	if !soon(func() bool { _, out, _ = d.onbehalf("status"); return strings.Contains(out, "CANNOT BE REACHED") }) {
		t.Fatal(out)
	}
	has(t, out, "socketmap CANNOT BE REACHED at unix:"+folder+"/socketmap.sock since ", "is not a socket; remove it or choose another path")
	d.command.Process.Signal(syscall.SIGTERM)
	if err := <-d.ended; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(d.folder + "/milter.sock"); !os.IsNotExist(err) {
		t.Errorf("the socket stays: %v", err)
	}
}

// TestStatusExplains what root never sees: that others may not connect.
func TestStatusExplains(t *testing.T) {
	path := t.TempDir() + "/admin.sock"
	a := adminClient{socket: config.Socket{Network: "unix", Address: path}}
	for _, test := range []struct {
		err  error
		want string
	}{
		{&url.Error{Op: "Get", URL: "x", Err: syscall.EACCES}, "you may not connect to unix:" + path + "; run this as root, as user "},
		{&url.Error{Op: "Get", URL: "x", Err: syscall.ECONNREFUSED}, "onbehalf is NOT running: no process answers at unix:" + path},
		{&url.Error{Op: "Get", URL: "x", Err: context.DeadlineExceeded}, "no answer at unix:" + path + ": context deadline exceeded"},
		{admin.ErrStranger, "no answer at unix:" + path + ": what answers is not onbehalf"},
		{admin.Error{Text: "there is no tenant \"x\""}, "there is no tenant \"x\"\nThat is by"},
	} {
		if got := a.explain(test.err).Error(); !strings.HasPrefix(got, test.want) {
			t.Errorf("%v: %q, want %q", test.err, got, test.want)
		}
	}
}

// TestStatusOverInet asks as a program would that is not onbehalf.
func TestStatusOverInet(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	t.Setenv("ONBEHALF_ADMIN", "inet:"+address)
	d := startServe(t)
	answer, err := http.Get("http://" + address + "/status")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/json" {
		t.Error(answer)
	}
	if status, out, talk := d.onbehalf("status"); status != 0 {
		t.Errorf("status %d: %s%s", status, out, talk)
	}
}

// TestWatcherStatus counts what waits for a look, when nobody looks.
func TestWatcherStatus(t *testing.T) {
	folder := t.TempDir()
	if err := writeInstallation(folder); err != nil {
		t.Fatal(err)
	}
	now, findings := daemon.Load(folder + "/onbehalf.yaml")
	if now == nil {
		t.Fatal(findings)
	}
	w := watch.New(slog.New(slog.DiscardHandler))
	if s, err := w.Status(); err != nil || s.Domains != 0 || s.Due != 0 {
		t.Errorf("of nothing: %+v, %v", s, err)
	}
	for _, one := range now.Tenants {
		one.Authorization = tenant.Auto
	}
	began := time.Now()
	if err := w.Adopt(now); err != nil {
		t.Fatal(err)
	}
	s, err := w.Status()
	if err != nil || s.Domains != 4 || s.NotLookedUp != 4 || s.Due != 4 || s.Looking != 0 || s.DueSince.Before(began) || s.DueSince.After(time.Now()) || !s.Oldest.IsZero() {
		t.Errorf("%+v, %v", s, err)
	}
	standing := now.Table().Snapshot().Standing(now.Tenants[0].Domains[0].Domain)
	standing.DMARC.Checked = began
	if err := now.Table().SetStandings(standing); err != nil {
		t.Fatal(err)
	}
	if s, err := w.Status(); err != nil || s.NotLookedUp != 3 || !s.Oldest.Equal(began) {
		t.Errorf("%+v, %v", s, err)
	}
}
