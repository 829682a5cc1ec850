package test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"onbehalf/keys"
	"onbehalf/tenant"
	"onbehalf/test/nameserver"
	"onbehalf/test/peer"
	"onbehalf/test/postfix"
)

// premises is a mail host as an administrator has it: the program itself, run as
// the daemon and as commands, beside a Postfix and a DNS server.
type premises struct {
	t       *testing.T
	house   *house // of which only the DNS server is there
	postfix *postfix.Instance
	sink    *postfix.Sink
	folder  string // configuration, state, key
	record  string // TXT of the key
	binary  string
	config  string
	dns     string    // host:port of the DNS server; empty: one that is free
	within  []string  // a command that runs the daemon, with its arguments; empty: nothing does
	daemon  *exec.Cmd // nil: not running
	log     logBuffer // of all runs
}

// premisesConfig is followed by the tenants. All keys are key.pem.
const premisesConfig = `listen: ["unix:%[2]s/onbehalf/milter.sock"]
admin: "unix:%[1]s/admin.sock"
socketmap: ""
state_dir: %[1]s
keys_dir: %[1]s
tenants_dir: %[1]s/tenants.d
platform:
  name: Courseware
  domain: courseware.nl
  from: noreply@courseware.nl
  bounce_domain: bounces.courseware.nl
  bounces_to: postmaster@courseware.nl
  sending_ips: [80.84.235.70]
  dkim: [{selector: cw1, key: key.pem}]
srs: {secrets: %[1]s/srs.secrets}
dns: {servers: ["%[3]s"], timeout: 500ms, max_per_second: 500, pending_every: 300ms, active_every: 300ms, demote_after: 2s}
tenants:
`

// openPremises starts a DNS server that publishes the platform's key, Postfix, and onbehalf
// serve with these tenants.
func openPremises(t *testing.T, tenants string) *premises {
	t.Helper()
	p := &premises{t: t, sink: postfix.StartSink(t), folder: shortDir(t)}
	p.postfix = postfix.Start(t, postfix.Options{NextHop: p.sink.Addr, Main: mainCF(t)})
	p.build()
	p.furnish(tenants)
	p.serve()
	return p
}

// build brings the program. What serve runs of it ends with the test.
func (p *premises) build() {
	p.t.Helper()
	p.takeProgram()
	p.t.Cleanup(func() {
		p.stop()
		if p.t.Failed() {
			p.t.Logf("onbehalf's log:\n%s", p.log.String())
		}
	})
}

// shortDir makes a directory in which a socket can be bound (108 octets).
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "onbehalf-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// furnish writes configuration, secret and key.
func (p *premises) furnish(tenants string) {
	p.t.Helper()
	key, err := keys.Generate(tenant.RSA, 2048)
	if err == nil {
		err = keys.Create(filepath.Join(p.folder, "key.pem"), key)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	if p.record, err = keys.Record(key.Public()); err != nil {
		p.t.Fatal(err)
	}
	p.house = &house{nameserver: nameserver.StartAt(p.t, cmp.Or(p.dns, peer.FreeAddr(p.t)), p.key("courseware.nl"))}
	p.config = filepath.Join(p.folder, "onbehalf.yaml")
	for name, text := range map[string]string{
		"onbehalf.yaml": fmt.Sprintf(premisesConfig, p.folder, p.postfix.QueueDir, p.house.nameserver.Addr) + tenants,
		"srs.secrets":   "a secret for this test only\n",
	} {
		if err := os.WriteFile(filepath.Join(p.folder, name), []byte(text), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(p.folder, "tenants.d"), 0o700); err != nil {
		p.t.Fatal(err)
	}
}

// key gives the line of a zone that publishes the key for a domain.
func (p *premises) key(domain string) string {
	return nameserver.TXT("cw1._domainkey."+domain, p.record)
}

// publish makes these records the zone, with the platform's key.
func (p *premises) publish(records ...string) {
	p.t.Helper()
	p.house.nameserver.Publish(p.t, append(records, p.key("courseware.nl"))...)
}

// serve runs the daemon until stop, or the end of the test.
func (p *premises) serve() {
	p.t.Helper()
	p.daemon = p.command()
	p.daemon.Stderr = &p.log
	before := strings.Count(p.log.String(), "msg=serving")
	if err := p.daemon.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.await("onbehalf to serve", func() bool { return strings.Count(p.log.String(), "msg=serving") > before })
}

// command is the daemon, to be run.
func (p *premises) command() *exec.Cmd {
	words := append(slices.Clone(p.within), p.binary, "serve", "--config", p.config)
	return exec.Command(words[0], words[1:]...)
}

// stop ends the daemon as systemd does.
func (p *premises) stop() {
	if p.daemon == nil {
		return
	}
	p.daemon.Process.Signal(os.Interrupt)
	if err := p.daemon.Wait(); err != nil {
		p.t.Errorf("onbehalf serve: %v", err)
	}
	p.daemon = nil
}

// await waits for what the daemon does in its own time.
func (p *premises) await(what string, done func() bool) {
	p.t.Helper()
	p.awaitFor(30*time.Second, what, done)
}

func (p *premises) awaitFor(most time.Duration, what string, done func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(most); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// run gives what a command prints, and its exit status.
func (p *premises) run(args ...string) (output, talk string, status int) {
	p.t.Helper()
	var out, err bytes.Buffer
	command := exec.Command(p.binary, append(args, "--config", p.config)...)
	command.Stdout, command.Stderr = &out, &err
	if failure := command.Run(); command.ProcessState == nil {
		p.t.Fatal(failure)
	}
	return out.String(), err.String(), command.ProcessState.ExitCode()
}

// logs waits for the daemon to log each text.
func (p *premises) logs(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.await("the log to say "+text, func() bool { return strings.Contains(p.log.String(), text) })
	}
}

// logged gives the log when no line has come for a while. The daemon writes lines some milliseconds
// late, so that only this can tell what is not logged, or how often.
func (p *premises) logged() string {
	p.t.Helper()
	log := p.log.String()
	for {
		time.Sleep(100 * time.Millisecond)
		more := p.log.String()
		if len(more) == len(log) {
			return log
		}
		log = more
	}
}

// set gives settings of a Postfix that runs other values, "name=value" each.
func (p *premises) set(in *postfix.Instance, settings ...string) {
	p.t.Helper()
	p.edit(in, settings...)
	p.reloadPostfix(in)
}

// edit is set for a Postfix that does not run, or is not to know yet.
func (p *premises) edit(in *postfix.Instance, settings ...string) {
	p.t.Helper()
	if out, err := exec.Command("/usr/sbin/postconf", append([]string{"-c", in.ConfigDir, "-e"}, settings...)...).CombinedOutput(); err != nil {
		p.t.Fatalf("postconf: %v\n%s", err, out)
	}
	past := time.Now().Add(-time.Hour) // Postfix waits for a main.cf that is just being written
	if err := os.Chtimes(in.ConfigDir+"/main.cf", past, past); err != nil {
		p.t.Fatal(err)
	}
}

// reloadPostfix has Postfix read its settings, when no message is being delivered: one that is
// would be tried again only 60 seconds later (qmgr: "skipped, still being delivered").
func (p *premises) reloadPostfix(in *postfix.Instance) {
	p.t.Helper()
	p.await("Postfix to have nothing under way", func() bool { return !strings.Contains(in.Queue(p.t), `"queue_name": "active"`) })
	p.postfixCommand(in, "reload")
	time.Sleep(200 * time.Millisecond) // a reload is a signal
}

// postfixCommand is postfix(1).
func (p *premises) postfixCommand(in *postfix.Instance, command string) {
	p.t.Helper()
	if out, err := exec.Command("/usr/sbin/postfix", "-c", in.ConfigDir, command).CombinedOutput(); err != nil {
		p.t.Fatalf("postfix %s: %v\n%s", command, err, out)
	}
}

// reload has the daemon load its configuration again, which must be good.
func (p *premises) reload() {
	p.t.Helper()
	before := strings.Count(p.log.String(), "msg=reloaded")
	p.daemon.Process.Signal(syscall.SIGHUP)
	p.await("onbehalf to reload", func() bool { return strings.Count(p.log.String(), "msg=reloaded") > before })
}

// configure replaces text in the configuration.
func (p *premises) configure(before, after string) {
	p.t.Helper()
	octets, err := os.ReadFile(p.config)
	if err != nil {
		p.t.Fatal(err)
	}
	text := strings.Replace(string(octets), before, after, 1)
	if text == string(octets) {
		p.t.Fatalf("the configuration has no %q", before)
	}
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}
