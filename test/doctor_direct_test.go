package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The university takes its mail directly, and is who it says by the operator's word.
const directTenant = `tenants:
  - id: university
    name: Example University
    domains: [university.example]
    authorization: authorized
    direct: {domains: [university.example], next_hop: "[mx.university.example]:25", tls: encrypt}
`

// directHospital is a hospital with a tenant whose mail is delivered directly, and Postfix as setup
// made it for that.
func directHospital(t *testing.T) *premises {
	t.Helper()
	p := hospital(t)
	main, _ := p.mainCF()
	p.tenants(directTenant)
	p.settle()
	if output, talk, status := p.run("setup", "--apply"); status != 0 {
		t.Fatalf("setup --apply: %d\n%s%s", status, output, talk)
	}
	if now, _ := p.mainCF(); now == main {
		t.Fatal("setup changed nothing")
	}
	p.settle()
	return p
}

// tenants makes these the tenants, and has the daemon take them over.
func (p *premises) tenants(text string) {
	p.t.Helper()
	path := filepath.Dir(p.config) + "/tenants.d/direct.yaml"
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Chown(path, -1, nobody); err != nil {
		p.t.Fatal(err)
	}
	before := strings.Count(p.log.String(), "msg=reloaded")
	p.daemon.Process.Signal(syscall.SIGHUP)
	p.await("the reload", func() bool { return strings.Count(p.log.String(), "msg=reloaded") > before })
}

// TestDoctorDirect: where mail is delivered directly, a good installation has no error; each thing
// that keeps Postfix from our tables, or mail from its way, is found, and what doctor says to do
// fixes it.
func TestDoctorDirect(t *testing.T) {
	p := directHospital(t)
	queue := p.postfix.QueueDir
	socket := queue + "/onbehalf/socketmap.sock"
	const way, tls, rcpt = wayTable, tlsTable, rcptList
	good := map[string]string{}
	for _, name := range []string{"transport_maps", "smtp_tls_policy_maps", "relay_recipient_maps", "mydestination", "myhostname"} {
		good[name] = p.setting(name)
	}
	text, talk, status := p.run("doctor", "--user", "nobody")
	if status != 0 || !strings.HasSuffix(text, " ok, 0 warnings, 0 errors\n") || talk != "" {
		t.Fatalf("exit status %d\n%s%s", status, text, talk)
	}
	d := p.doctor()
	d.finds(t, "ok", "a socketmap answers at unix:"+socket)
	d.finds(t, "ok", "user postfix reaches unix:onbehalf/socketmap.sock from its chroot "+queue, "rewrite/unix, smtp/unix, relay/unix", "is answered")
	well := func(t *testing.T) {
		t.Helper()
		for name, want := range good {
			if got := p.setting(name); got != want {
				t.Errorf("%s = %s, and was %s", name, got, want)
			}
		}
		for _, f := range p.doctor().Findings {
			if f.Level != "ok" {
				t.Errorf("%+v", f)
			}
		}
	}

	// One setting of main.cf that breaks it; finding; whether the commands bring back what was good.
	for _, c := range []struct {
		what, setting, level string
		words                []string
		fixes                bool
	}{
		{"no transport_maps", "transport_maps =", "error", []string{"transport_maps does not name our socketmap, it is empty", "goes by MX", "postconf -c " + p.postfix.ConfigDir + " -e 'transport_maps = " + way + "'"}, true},
		{"no policy", "smtp_tls_policy_maps =", "error", []string{"smtp_tls_policy_maps does not name our socketmap", tls}, true},
		{"the whole path, which chrooted services cannot see", "transport_maps = socketmap:unix:" + socket + ":transport", "error",
			[]string{"does not reach unix:" + socket + " from its chroot", "(rewrite/unix)", "see nothing outside of", "name it unix:onbehalf/socketmap.sock"}, true},
		{"a path that exists in the chroot alone", "smtp_tls_policy_maps = proxy:socketmap:unix:/onbehalf/socketmap.sock:tls_policy", "error",
			[]string{"does not reach unix:/onbehalf/socketmap.sock from its queue directory (proxymap/unix)", "the name means /onbehalf/socketmap.sock"}, true},
		{"a folder that is not ours", "transport_maps = socketmap:unix:elsewhere/socketmap.sock:transport", "error", []string{"does not reach unix:elsewhere/socketmap.sock", queue + "/elsewhere/socketmap.sock, which is not there"}, true},
		{"the milter's socket", "transport_maps = socketmap:unix:onbehalf/milter.sock:transport", "error",
			[]string{"reaches no socketmap of ours at unix:onbehalf/milter.sock", "a milter answers there"}, true},
		{"over the network", "transport_maps = socketmap:inet:127.0.0.1:1:transport", "warning",
			[]string{"transport_maps asks onbehalf at inet:127.0.0.1:1, which is not a unix socket", "whenever onbehalf restarts"}, true},
		{"a map that is for another setting", "transport_maps = " + rcpt, "error", []string{`asks our socketmap for the map "recipients"`}, true},
		{"a map for Postfix 3.10", "smtp_tls_policy_maps = " + tls + "_tlsrpt", "error", []string{"attributes that Postfix knows from 3.10 on", "defers all mail"}, true},
		{"twice", "transport_maps = " + way + ", " + way, "warning", []string{"names our socketmap twice"}, true},
		{"hidden by a table that answers all", "transport_maps = static:smtp:[127.0.0.1]:1, " + way, "error",
			[]string{"static:smtp:[127.0.0.1]:1 stands before our table and answers for university.example (smtp:[127.0.0.1]:1)", "postconf -c " + p.postfix.ConfigDir + " -e 'transport_maps = " + way + ", static:smtp:[127.0.0.1]:1'"}, false},
		{"behind ours it may answer all", "transport_maps = " + way + " static:smtp:[127.0.0.1]:1", "ok", []string{"transport_maps = " + way}, false},
		{"hidden by a pattern", "transport_maps = regexp:{{/@university\\.example$$/ smtp:[127.0.0.1]:1}}, " + way, "error", []string{"regexp:{{/@university", "stands before our table and answers for university.example (smtp:[127.0.0.1]:1)"}, false},
		{"an entry that counts no more", "transport_maps = inline:{university.example=smtp:[127.0.0.1]:1}, " + way, "warning",
			[]string{"names university.example, which our table answers first", "unless it is meant for that time"}, false},
		{"a policy before ours", "smtp_tls_policy_maps = inline:{{[mx.university.example]:25=may}}, " + tls, "warning", []string{"stands before our table and answers for [mx.university.example]:25 (may)"}, false},
		{"a local domain", "mydestination = university.example", "warning", []string{"university.example is in mydestination, and local_recipient_maps does not know all", "User unknown in local recipient table"}, true},
		{"this host by its name", "myhostname = mx.university.example", "error", []string{"the next hop of tenant university, [mx.university.example]:25, is this host by myhostname", "loop"}, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			name, _, _ := strings.Cut(c.setting, " =")
			p.postconf(c.setting)
			f := p.doctor().finds(t, c.level, c.words...)
			if c.fixes {
				p.undo(f)
			} else {
				p.postconf(name + " = " + good[name])
			}
			well(t)
		})
	}

	t.Run("classes of domains", func(t *testing.T) {
		p.postconf("virtual_alias_domains = university.example")
		p.undo(p.doctor().finds(t, "error", "university.example is in virtual_alias_domains", "never asks transport_maps"))
		p.postconf("virtual_alias_domains = inline:{university.example=x}")
		p.doctor().finds(t, "error", "university.example is in virtual_alias_domains")
		p.postconf("virtual_alias_domains =")
		p.postconf("virtual_mailbox_domains = university.example")
		p.postconf("virtual_mailbox_maps = inline:{a@university.example=x}")
		p.undo(p.doctor().finds(t, "warning", "university.example is in virtual_mailbox_domains", "User unknown in virtual mailbox table"))
		p.postconf("relay_domains = bounces.courseware.nl, university.example")
		p.undo(p.doctor().finds(t, "warning", "university.example is in relay_domains", "User unknown in relay recipient table"))
		well(t)
	})
	t.Run("recipients", func(t *testing.T) {
		p.postconf("relay_recipient_maps = " + rcpt)
		p.doctor().finds(t, "ok", "user postfix reaches unix:onbehalf/socketmap.sock", p.postfix.SMTPAddr+"/inet", "is answered")
		p.postconf("relay_recipient_maps = " + good["relay_recipient_maps"])
		well(t)
	})
	t.Run("a service with a setting of its own", func(t *testing.T) {
		p.override("smtp/unix/smtp_tls_policy_maps=")
		p.undo(p.doctor().finds(t, "error", "in master.cf smtp/unix has smtp_tls_policy_maps of its own (empty), without our table"))
		p.override("rewrite/unix/transport_maps=static:x:y")
		p.undo(p.doctor().finds(t, "error", "in master.cf rewrite/unix has transport_maps of its own (static:x:y)"))
		well(t)
	})
	t.Run("no authority", func(t *testing.T) {
		p.tenants(strings.Replace(directTenant, "tls: encrypt", "tls: verify", 1))
		p.postconf("smtp_tls_CApath =")
		p.undo(p.doctor().finds(t, "error", "smtp(8) trusts no authority, and direct.tls is verify for university", "postconf -c "+p.postfix.ConfigDir+" -e 'smtp_tls_CAfile = "))
		p.doctor().finds(t, "ok", "smtp(8) trusts authorities")
		p.postconf("smtp_tls_CAfile =")
		p.postconf("smtp_tls_CApath = /etc/ssl/certs")
		p.doctor().finds(t, "warning", queue+"/etc/ssl/certs holds no certificates", "inside the chroot", "systemctl restart postfix")
		if err := os.MkdirAll(queue+"/etc/ssl/certs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(queue+"/etc/ssl/certs/0a1b2c3d.0", nil, 0o644); err != nil {
			t.Fatal(err)
		}
		p.doctor().finds(t, "ok", "finds authorities", queue+"/etc/ssl/certs")
		p.tenants(directTenant)
		well(t)
	})
	t.Run("socket 0600", func(t *testing.T) {
		chmod(t, socket, 0o600)
		p.undo(p.doctor().finds(t, "error", "user postfix does not reach unix:onbehalf/socketmap.sock", socket+" has mode 0600", "onbehalf-socketmap.socket", "chmod 0660"))
		chmod(t, socket, 0o666)
		chmod(t, filepath.Dir(socket), 0o755|os.ModeSetgid)
		p.doctor().finds(t, "ok", "every user of this host can ask there")
		chmod(t, socket, 0o660)
		chmod(t, filepath.Dir(socket), 0o750|os.ModeSetgid)
		well(t)
	})
	t.Run("socketmap switched off", func(t *testing.T) {
		t.Setenv("ONBEHALF_SOCKETMAP", "")
		d := p.doctor()
		d.finds(t, "error", "transport_maps asks onbehalf, and socketmap is empty", "write socketmap: unix:"+socket)
		d.finds(t, "warning", "socketmap", "Postfix cannot ask where mail for direct domains goes")
	})
	t.Run("another socket than the daemon has", func(t *testing.T) {
		t.Setenv("ONBEHALF_SOCKETMAP", "unix:"+queue+"/onbehalf/other.sock")
		d := p.doctor()
		d.finds(t, "error", "the daemon does not answer Postfix's tables at unix:"+queue+"/onbehalf/other.sock", "it answers them at unix:"+socket)
		d.finds(t, "error", "unix:"+queue+"/onbehalf/other.sock is not there")
	})
	t.Run("over the network, as configured", func(t *testing.T) {
		t.Setenv("ONBEHALF_SOCKETMAP", "inet:127.0.0.1:1")
		p.postconf("transport_maps = socketmap:inet:127.0.0.1:1:transport")
		d := p.doctor()
		d.finds(t, "warning", "transport_maps asks onbehalf at inet:127.0.0.1:1, which is not a unix socket", "write socketmap: unix:"+socket)
		d.finds(t, "warning", "inet:127.0.0.1:1 is not a unix socket", "Postfix defers mail", "write unix:/PATH")
		d.finds(t, "error", "nothing answers at inet:127.0.0.1:1")
		p.postconf("transport_maps = " + good["transport_maps"])
	})
	t.Run("no tenant any more, and Postfix still asks", func(t *testing.T) {
		p.tenants("tenants: []\n")
		d := p.doctor()
		d.finds(t, "ok", "user postfix reaches unix:onbehalf/socketmap.sock")
		for _, f := range d.errors() {
			t.Errorf("%+v", f)
		}
		p.tenants(directTenant)
	})
	t.Run("no smtp", func(t *testing.T) {
		p.discardSMTP()
		p.undo(p.doctor().finds(t, "error", "master.cf has no service smtp/unix that is smtp(8)"))
		d := p.doctor() // what is added has no chroot, and reaches the socket by the same name
		d.finds(t, "ok", "user postfix reaches unix:onbehalf/socketmap.sock from its queue directory (smtp/unix)", "is answered")
		d.finds(t, "ok", "user postfix reaches unix:onbehalf/socketmap.sock from its chroot "+queue+" (rewrite/unix, relay/unix)", "is answered")
		well(t)
	})
	t.Run("daemon stopped", func(t *testing.T) {
		p.stop()
		p.doctor().finds(t, "error", "unix:"+socket+" is not there", "451")
	})
}

// override gives a service a setting of its own.
func (p *premises) override(setting string) {
	p.t.Helper()
	if out, err := exec.Command("postconf", "-c", p.postfix.ConfigDir, "-P", setting).CombinedOutput(); err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	p.settle()
}
