package test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"onbehalf/store"
	"onbehalf/test/cases"
	"onbehalf/test/nameserver"
	"onbehalf/test/peer"
	"onbehalf/test/postfix"
)

// faults is one host on which one thing after another breaks.
type faults struct {
	*watched
	parent *testing.T
	state  string // the state_dir
	hook   string // host and port where events go; nobody listens there until eventsNotTaken
	seen   []string
	from   [2]int // how much there was of the daemon's and of Postfix's log when the fault began
}

// TestFaults breaks what can break around the daemon, on one host that must run through all of
// it: mail waits with its sender, or leaves as before, and when the fault ends all is well again
// without anybody's help but what docs/operations.md says. What that page quotes, each section a
// fault, was seen.
func TestFaults(t *testing.T) {
	f := openFaults(t)
	page := readOperations(t)
	for _, fault := range []struct {
		section string
		test    func(*faults)
	}{
		{"A tenant's key is gone", (*faults).tenantKeyGone},
		{"The platform's key is gone", (*faults).platformKeyGone},
		{"The configuration cannot be used at a start", (*faults).unconfigured},
		{"A file or folder cannot be read", (*faults).folderUnreadable},
		{"The disk is full", (*faults).diskFull},
		{"The state file is torn or foreign", (*faults).stateTorn},
		{"A socket's path is taken", (*faults).pathTaken},
		{"OpenSSL cannot be used", (*faults).opensslGone},
		{"DNS does not answer", (*faults).dnsDead},
		{"DNS denies everything", (*faults).dnsDenies},
		{"No DNS server is named", (*faults).noServer},
		{"No file descriptors are left", (*faults).noDescriptors},
		{"The clock jumps", (*faults).clockJumps},
		{"The daemon is killed", (*faults).killed},
		{"Postfix stops", (*faults).postfixStops},
		{"Events are not taken", (*faults).eventsNotTaken},
	} {
		if !t.Run(fault.section, func(t *testing.T) {
			f.t = t
			defer func() { f.t = f.parent }()
			f.begin()
			fault.test(f)
			f.quotes(page.take(t, fault.section))
		}) {
			t.Fatal("the host is not as it was; what comes behind this says nothing")
		}
	}
	page.done(t)
}

// openFaults opens the host. A tenant signs with its own key, and is authorized.
func openFaults(t *testing.T) *faults {
	peer.Need(t, "/usr/bin/setpriv", "/usr/bin/unshare", "/usr/bin/prlimit")
	p := &premises{t: t, sink: postfix.StartSink(t), folder: shortDir(t)}
	p.dns = addressOfDNS() // see noServer
	f := &faults{watched: &watched{premises: p}, parent: t, state: filepath.Join(p.folder, "state")}
	t.Setenv("ONBEHALF_STATE_DIR", f.state)
	f.noReceiver()
	if err := os.Mkdir(f.state, 0o700); err != nil {
		t.Fatal(err)
	}
	p.postfix = postfix.Start(t, postfix.Options{NextHop: p.sink.Addr, Main: mainCF(t)})
	p.build()
	p.furnish(strings.Replace(watchedTenants, "key.pem", "tenant.pem", 1))
	f.copyKey()
	f.publishAll()
	p.serve()
	f.well()
	return f
}

// copyKey gives the tenant its key. It is the platform's, under another name: DNS has one.
func (f *faults) copyKey() {
	f.t.Helper()
	text, err := os.ReadFile(f.folder + "/key.pem")
	if err == nil {
		err = os.WriteFile(f.folder+"/tenant.pem", text, 0o600)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// publishAll authorizes the tenant's mail.
func (f *faults) publishAll() {
	f.publish(nameserver.TXT(customer, "v=spf1 ip4:80.84.235.70 -all"), f.key(customer))
}

// begin notes that what is logged from here on is about the next fault.
func (f *faults) begin() {
	f.seen, f.from = nil, [2]int{len(f.log.String()), len(f.postfix.Log())}
}

// well waits until the tenant's mail leaves as its own, and looks at one message; and nothing
// else is under way.
func (f *faults) well() {
	f.t.Helper()
	f.await("the tenant to be in row 2", func() bool {
		out, _, _ := f.run("status", "yourorg")
		return strings.Contains(out, "row 2")
	})
	f.arrives(row2)
	f.await("the queue to be empty", func() bool { return f.postfix.Queue(f.t) == "" })
	if more := f.sink.Arrived(); len(more) > 0 {
		f.t.Errorf("%d messages have arrived that nobody sent, or twice; the first:\n%s", len(more), more[0].Data)
	}
}

// says waits for the daemon to log a text since the fault began.
func (f *faults) says(text string) {
	f.t.Helper()
	f.await("the log to say "+text, func() bool { return strings.Contains(f.log.String()[f.from[0]:], text) })
}

// status runs onbehalf status, which must say these.
func (f *faults) status(want ...string) {
	f.t.Helper()
	out, talk, _ := f.run("status")
	text := strings.Join(strings.Fields(out+talk), " ")
	f.seen = append(f.seen, text)
	for _, one := range want {
		if !strings.Contains(text, one) {
			f.t.Errorf("status does not say %q:\n%s%s", one, out, talk)
		}
	}
}

// attempt hands in a message, which Postfix may refuse at any command.
func (f *faults) attempt() postfix.Reply {
	f.t.Helper()
	client := postfix.Dial(f.t, f.postfix.SMTPAddr)
	reply := client.Send(kept, []string{"student@receiver.example"}, []byte("From: "+own+"\r\nSubject: Your course\r\n\r\nWelcome.\r\n"))
	f.seen = append(f.seen, reply.String())
	client.Do("QUIT")
	return reply
}

// deferred hands in a message that Postfix must not take now.
func (f *faults) deferred() {
	f.t.Helper()
	if reply := f.attempt(); reply.Code/100 != 4 {
		f.t.Errorf("answered %s, want a 4xx", reply)
	}
}

// refusesToStart starts the daemon, which must end and say why.
func (f *faults) refusesToStart(why string) {
	f.t.Helper()
	var said bytes.Buffer
	command := f.command()
	command.Stdout, command.Stderr = &said, &said
	if err := command.Run(); !errors.As(err, new(*exec.ExitError)) {
		f.t.Errorf("the start ended with %v", err)
	}
	for line := range strings.Lines(said.String()) {
		f.seen = append(f.seen, strings.Join(strings.Fields(line), " "))
	}
	if !strings.Contains(said.String(), why) {
		f.t.Errorf("the start does not say %q:\n%s", why, said.String())
	}
}

// tryReload asks for a reload, of which the log then has a line with this.
func (f *faults) tryReload(result string) {
	f.t.Helper()
	before := len(f.log.String())
	f.daemon.Process.Signal(syscall.SIGHUP)
	f.await("a reload that says "+result, func() bool { return strings.Contains(f.log.String()[before:], result) })
}

// kill ends the daemon as the kernel does.
func (f *faults) kill() {
	f.daemon.Process.Kill()
	f.daemon.Wait()
	f.daemon = nil
}

// must is for what cannot go wrong.
func (f *faults) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// quotes looks for what a page has quoted: each line was seen in one line of a log or of a
// start's words, or in a status or reply. "..." stands for what differs.
func (f *faults) quotes(lines []string) {
	f.t.Helper()
	for _, log := range []string{f.logged()[f.from[0]:], f.postfix.Log()[f.from[1]:]} {
		for line := range strings.Lines(log) {
			f.seen = append(f.seen, strings.Join(strings.Fields(line), " "))
		}
	}
	for _, quoted := range lines {
		pattern := regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(strings.Join(strings.Fields(quoted), " ")), `\.\.\.`, ".*"))
		found := false
		for _, text := range f.seen {
			found = found || pattern.MatchString(text)
		}
		if !found {
			f.t.Errorf("docs/operations.md quotes what was not seen:\n%s\nSeen:\n%s", quoted, strings.Join(f.seen, "\n"))
		}
	}
}

// operations is docs/operations.md: what each section of a fault quotes.
type operations struct {
	quoted map[string][]string
	text   string
}

// readOperations reads the page. A quotation is a block between "```text" and "```".
func readOperations(t *testing.T) *operations {
	t.Helper()
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	page := &operations{make(map[string][]string), string(text)}
	section, quoting := "", false
	for line := range strings.Lines(page.text) {
		line = strings.TrimSpace(line)
		switch title, found := strings.CutPrefix(line, "### "); {
		case found:
			section = title
		case strings.HasPrefix(line, "```"):
			quoting = line == "```text"
		case quoting && line != "":
			page.quoted[section] = append(page.quoted[section], line)
		}
	}
	return page
}

// take returns what a section quotes, which must be something.
func (o *operations) take(t *testing.T, section string) []string {
	t.Helper()
	lines := o.quoted[section]
	if len(lines) == 0 {
		t.Errorf("docs/operations.md has no section %q that quotes what is seen", section)
	}
	delete(o.quoted, section)
	return lines
}

// done reports what is quoted and no test has seen, and what tests are named that are not there.
func (o *operations) done(t *testing.T) {
	t.Helper()
	for section := range o.quoted {
		t.Errorf("docs/operations.md: section %q quotes what no test has looked for", section)
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(o.text, -1)
	if len(named) == 0 {
		t.Error("docs/operations.md names no test")
	}
	for _, one := range named {
		if out, err := exec.Command("grep", "-rq", "--include=*_test.go", "^func "+one[1]+"(", "..").CombinedOutput(); err != nil {
			t.Errorf("docs/operations.md names %s, which is not there: %v %s", one[1], err, out)
		}
	}
}

// tenantKeyGone: the key of one tenant is gone. Its mail leaves in the platform's name.
func (f *faults) tenantKeyGone() {
	f.must(os.Remove(f.folder + "/tenant.pem"))
	f.arrives(row2) // the key is in memory
	f.tryReload("msg=reloaded")
	f.arrives(row5)
	f.status("fault:")
	f.copyKey()
	f.tryReload("msg=reloaded")
	f.well()
}

// platformKeyGone: no reload and no start without it. Mail goes on, and waits.
func (f *faults) platformKeyGone() {
	f.must(os.Rename(f.folder+"/key.pem", f.folder+"/away.pem"))
	f.tryReload("reload refused")
	f.arrives(row2)
	f.status("REFUSED")
	f.stop()
	f.refusesToStart("not started")
	f.deferred()
	f.must(os.Rename(f.folder+"/away.pem", f.folder+"/key.pem"))
	f.serve()
	f.well()
}

// bounded runs the daemon as root that permissions hold for.
func (f *faults) bounded() {
	f.stop()
	f.within = []string{"/usr/bin/setpriv", "--bounding-set=-dac_override,-dac_read_search"}
	f.serve()
}

// free runs it by itself again.
func (f *faults) free() {
	f.stop()
	f.within = nil
	f.serve()
}

// folderUnreadable takes the permission to read first the tenants, then the state.
func (f *faults) folderUnreadable() {
	f.bounded()
	tenants := f.folder + "/tenants.d"
	f.must(os.Chmod(tenants, 0))
	f.tryReload("reload refused")
	f.arrives(row2)
	f.status("REFUSED")
	f.stop()
	f.refusesToStart("not started")
	f.deferred()
	f.must(os.Chmod(tenants, 0o700))
	f.must(os.Chmod(f.state, 0))
	f.serve()
	f.well() // DNS says it again
	f.says("standings of the last run cannot be read")
	f.status("NOT SAVED")
	f.must(os.Chmod(f.state, 0o700))
	f.free()
	f.says("standings recalled")
	f.well()
}

// diskFull has the state on a disk of its own, and fills it.
func (f *faults) diskFull() {
	f.stop()
	f.within = []string{"/usr/bin/unshare", "--mount", "--propagation", "private", "sh", "-c",
		`mount -t tmpfs -o size=512k none "$0" && exec "$@"`, f.state}
	f.serve()
	f.well()
	ballast := fmt.Sprintf("/proc/%d/root%s/ballast", f.daemon.Process.Pid, f.state)
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		f.t.Fatalf("filling the disk: %v", err)
	}
	f.publish(f.key(customer)) // SPF is gone: something moves
	many := f.folder + "/tenants.d/many.yaml"
	f.must(os.WriteFile(many, manyDomains(1000), 0o600)) // and there is much to save, more than the file has room for
	f.tryReload("msg=reloaded")
	f.says("standings cannot be saved")
	f.arrives(row2)
	f.status("NOT SAVED")
	f.must(os.Remove(ballast))
	f.says("standings can be saved again")
	f.must(os.Remove(many))
	f.tryReload("msg=reloaded")
	f.publishAll()
	f.free()
	f.well()
}

// manyDomains returns a tenant with so many domains.
func manyDomains(count int) []byte {
	var b strings.Builder
	b.WriteString("tenants: [{id: many, domains: [")
	for i := range count {
		fmt.Fprintf(&b, "d%d.many.example, ", i)
	}
	b.WriteString("]}]\n")
	return []byte(b.String())
}

// stateTorn leaves half of the state's file, then one of another program, then one of a newer
// version; and before all, what an older version has saved, and half of that.
func (f *faults) stateTorn() {
	path, old := store.Path(f.state), f.state+"/standings.jsonl"
	f.stop()
	whole, err := os.ReadFile(path)
	f.must(err)
	const legacy = `{"format":"onbehalf standings","version":1,"written":"2020-01-01T00:00:00Z"}` + "\n" + `{"domain":"gone.example"}` + "\n"
	aside := func(path string) []byte {
		names, err := filepath.Glob(path + ".damaged-*")
		f.must(err)
		text, err := os.ReadFile(names[len(names)-1])
		f.must(err)
		return text
	}
	for _, torn := range []struct{ path, text string }{{path, string(whole[:len(whole)/2])}, {path, "root:x:0:0:root:/root:/bin/bash\n"}, {old, legacy}} {
		f.must(os.WriteFile(torn.path, []byte(torn.text), 0o640))
		f.serve()
		f.well() // DNS says it again
		f.stop()
		if string(aside(torn.path)) != torn.text {
			f.t.Error("the file was not set aside as it was")
		}
	}
	f.must(os.WriteFile(old, []byte(legacy+`{"domains":1}`), 0o640))
	f.serve()
	f.says("standings of an older version are taken over")
	f.well()
	f.stop()
	f.stateNewer(path)
}

// stateNewer has a state of a newer version, which is left as it is.
func (f *faults) stateNewer(path string) {
	db, err := bolt.Open(path, 0o640, nil)
	f.must(err)
	f.must(db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("onbehalf")).Put([]byte("format"), []byte("onbehalf state 2"))
	}))
	f.must(db.Close())
	before, err := os.ReadFile(path)
	f.must(err)
	f.serve()
	f.well()
	f.status("NOT SAVED")
	f.stop()
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		f.t.Errorf("it was changed: %v", err)
	}
	f.must(os.Remove(path))
	f.serve()
	f.well()
}

// pathTaken puts files where sockets belong.
func (f *faults) pathTaken() {
	f.stop()
	milter, admin := f.postfix.QueueDir+"/onbehalf/milter.sock", f.folder+"/admin.sock"
	f.must(os.WriteFile(milter, nil, 0o600))
	f.refusesToStart("is not a socket")
	f.deferred()
	f.must(os.Remove(milter))
	f.must(os.WriteFile(admin, nil, 0o600))
	f.serve()
	f.arrives(row2)
	f.status("no process answers")
	f.stop()
	f.must(os.Remove(admin))
	f.serve()
	f.well()
}

// opensslGone has a file in the place of OpenSSL's library that is none.
func (f *faults) opensslGone() {
	f.stop()
	f.must(os.WriteFile(f.folder+"/libcrypto.so.3", []byte("none"), 0o600))
	f.within = []string{"/usr/bin/env", "LD_LIBRARY_PATH=" + f.folder}
	f.serve()
	f.arrives(row2)
	f.status("RSA by Go")
	f.free()
	f.status("RSA by OpenSSL")
	f.well()
}

// dnsDead has DNS say nothing. TestOutageMovesNobody does so in all ways, with restarts.
func (f *faults) dnsDead() {
	dns := f.house.nameserver
	dns.Hang(f.t)
	f.says("no answer from DNS")
	f.status("NO ANSWER")
	got := f.deliver()
	dns.Restore(f.t) // for the verifiers
	if from := got.from(); from != own {
		f.t.Errorf("From %s", from)
	}
	f.house.verifySigned(f.t, got.Data)
	f.reload() // else the next try comes within 30 seconds
	f.says("DNS answers again")
	f.well()
}

// dnsDenies has DNS say that nothing exists. TestDenialMovesNobody does so over a restart.
func (f *faults) dnsDenies() {
	f.house.nameserver.Publish(f.t)
	f.says("DNS denies records")
	f.status("NOT BELIEVED")
	got := f.deliver()
	f.publishAll() // for the verifiers
	if from := got.from(); from != own {
		f.t.Errorf("From %s", from)
	}
	f.house.verifySigned(f.t, got.Data)
	f.reload() // else the next try comes within 30 seconds
	f.says("DNS answers again")
	f.well()
}

// noDescriptors has connections take all that there are.
func (f *faults) noDescriptors() {
	f.stop()
	f.within = []string{"/usr/bin/prlimit", "--nofile=64:64"}
	f.serve()
	f.well()
	var conns []net.Conn
	defer func() {
		for _, conn := range conns {
			conn.Close()
		}
	}()
	for range 100 {
		conn, err := net.Dial("unix", f.postfix.QueueDir+"/onbehalf/milter.sock")
		f.must(err)
		conns = append(conns, conn)
	}
	f.says("too many open files")
	answered := make(chan struct{})
	time.AfterFunc(2*time.Second, func() {
		for _, conn := range conns {
			conn.Close()
		}
		close(answered)
	})
	f.arrives(row2) // it waits for its turn
	<-answered
	f.well()
	f.free()
	f.well()
}

// postfixStops stops Postfix with a message in its queue and another one half handed in, and
// starts it.
func (f *faults) postfixStops() {
	f.set(f.postfix, "defer_transports=smtp")
	if reply := f.attempt(); !reply.OK() {
		f.t.Fatal(reply)
	}
	f.await("Postfix to defer it", func() bool { return strings.Contains(f.postfix.Queue(f.t), "deferred transport") })
	half := postfix.Dial(f.t, f.postfix.SMTPAddr)
	half.Do("MAIL FROM:<" + kept + ">")
	half.Do("RCPT TO:<student@receiver.example>")
	f.postfixCommand(f.postfix, "stop")
	f.status("milter at")
	f.edit(f.postfix, "defer_transports=")
	f.postfixCommand(f.postfix, "start")
	f.postfixCommand(f.postfix, "flush")
	f.house.verifySigned(f.t, f.sink.Wait(f.t, 1)[0].Data)
	f.well()
}

// TestSigningFails: while a key cannot sign, mail waits with its sender, and none leaves unsigned.
func TestSigningFails(t *testing.T) {
	h := build(t)
	c := find(t, "row02")
	good := c.Keys
	c.Keys = cases.BrokenKeys(t)
	h.play(c)
	for range 3 {
		if reply := send(h.dial(t, c.Message), c.Message, c.Octets()); reply.Code != 451 || !strings.Contains(reply.Text, "4.7.5 cannot sign this message now") {
			t.Errorf("answered %s, want 451 4.7.5", reply)
		}
	}
	c.Keys = good
	h.play(c)
	if reply := send(h.dial(t, c.Message), c.Message, c.Octets()); !reply.OK() {
		t.Fatal(reply)
	}
	h.compare(t, take(t, h.sink.Wait(t, 1)[0]), c.Message, c.Body)
	if more := h.sink.Arrived(); len(more) > 0 || h.postfix.Queue(t) != "" {
		t.Errorf("%d more have arrived, and the queue is %s", len(more), h.postfix.Queue(t))
	}
}
