package test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// diagnosis is what onbehalf doctor --json prints.
type diagnosis struct {
	OK       bool
	Findings []symptom
}

type symptom struct {
	Level, Part, What, Why, Fix string
	Commands                    []string
}

// doctor examines the premises as the user nobody, and holds exit status against findings.
func (p *premises) doctor(more ...string) diagnosis {
	p.t.Helper()
	output, talk, status := p.run(append([]string{"doctor", "--user", "nobody", "--json"}, more...)...)
	var d diagnosis
	if err := json.Unmarshal([]byte(output), &d); err != nil {
		p.t.Fatalf("%v\n%s%s", err, output, talk)
	}
	errors := d.errors()
	if want := map[bool]int{true: 0, false: 1}[len(errors) == 0]; status != want || d.OK != (status == 0) {
		p.t.Errorf("exit status %d, ok %v with %d errors", status, d.OK, len(errors))
	}
	return d
}

func (d diagnosis) errors() (all []symptom) {
	for _, f := range d.Findings {
		if f.Level == "error" {
			all = append(all, f)
		}
	}
	return all
}

// finds expects a finding with all of these words, in any of its texts.
func (d diagnosis) finds(t *testing.T, level string, words ...string) symptom {
	t.Helper()
	for _, f := range d.Findings {
		text := strings.Join(append([]string{f.What, f.Why, f.Fix}, f.Commands...), "\n")
		missing := f.Level != level
		for _, word := range words {
			missing = missing || !strings.Contains(text, word)
		}
		if !missing {
			return f
		}
	}
	t.Errorf("no %s with %q in %+v", level, words, d.Findings)
	return symptom{}
}

// hospital is premises as the package leaves them: the configuration readable by the daemon's
// user, the socket by Postfix's group, DNS complete, and Postfix as setup made it.
func hospital(t *testing.T) *premises {
	t.Helper()
	p := newcomer(t, "")
	t.Setenv("ONBEHALF_ADMIN", "unix:"+p.folder+"/state/admin.sock")
	t.Setenv("ONBEHALF_STATE_DIR", p.folder+"/state")
	if err := os.Mkdir(p.folder+"/state", 0o755); err != nil {
		t.Fatal(err)
	}
	if output, talk, status := p.run(answers...); status != 0 {
		t.Fatalf("setup: %d\n%s%s", status, output, talk)
	}
	p.publishAll()
	p.own()
	p.serveAsNobody()
	p.await("the first standings", func() bool {
		_, err := os.Stat(p.folder + "/state/state.db")
		return err == nil
	})
	if output, talk, status := p.run("setup", "--apply"); status != 0 {
		t.Fatalf("setup --apply: %d\n%s%s", status, output, talk)
	}
	return p
}

// own gives all that setup made to the group of the daemon's user.
func (p *premises) own() {
	p.t.Helper()
	for _, path := range []string{p.folder, filepath.Dir(p.config), filepath.Dir(p.config) + "/keys"} {
		if err := os.Chmod(path, 0o755); err != nil {
			p.t.Fatal(err)
		}
	}
	for _, path := range []string{p.folder + "/state", p.postfix.QueueDir + "/onbehalf"} {
		if err := os.Chown(path, nobody, -1); err != nil {
			p.t.Fatal(err)
		}
	}
	chmod(p.t, p.postfix.QueueDir+"/onbehalf", 0o750|os.ModeSetgid) // chown takes it away
	if out, err := exec.Command("chgrp", "-R", strconv.Itoa(nobody), filepath.Dir(p.config)).CombinedOutput(); err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
}

const nobody = 65534 // and its group

// serveAsNobody runs the daemon as its unit does: with a user and a umask of its own.
func (p *premises) serveAsNobody() {
	p.t.Helper()
	p.daemon = exec.Command(p.binary, "serve", "--config", p.config)
	p.daemon.Stderr = &p.log
	p.daemon.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	before := strings.Count(p.log.String(), "msg=serving")
	old := syscall.Umask(0o007)
	err := p.daemon.Start()
	syscall.Umask(old)
	if err != nil {
		p.t.Fatal(err)
	}
	p.await("onbehalf to serve", func() bool { return strings.Count(p.log.String(), "msg=serving") > before })
}

// undo runs the commands that a finding gives, for what breaks next must be alone.
func (p *premises) undo(f symptom) {
	p.t.Helper()
	for _, line := range f.Commands {
		if strings.HasPrefix(line, "postfix ") || strings.HasPrefix(line, "systemctl") {
			continue
		}
		if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
			p.t.Errorf("what doctor says to do does not work: %s: %v\n%s", line, err, out)
		}
	}
	p.settle()
}

// TestDoctor: a good installation has no error; each thing that is broken is found, and what
// doctor says to do fixes it.
func TestDoctor(t *testing.T) {
	p := hospital(t)
	socket := p.postfix.QueueDir + "/onbehalf/milter.sock"
	well := func(t *testing.T) {
		t.Helper()
		for _, f := range p.doctor().errors() {
			t.Errorf("%+v", f)
		}
	}
	main, changed := p.mainCF()
	text, talk, status := p.run("doctor", "--user", "nobody")
	if status != 0 || !strings.HasSuffix(text, " ok, 0 warnings, 0 errors\n") || talk != "" {
		t.Fatalf("exit status %d\n%s%s", status, text, talk)
	}
	t.Log("\n" + text)
	again, _, _ := p.run("doctor", "--user", "nobody")
	if again != text {
		t.Errorf("the second time it says:\n%s\nand the first time:\n%s", again, text)
	}
	if now, at := p.mainCF(); now != main || at != changed {
		t.Error("main.cf was touched")
	}
	d := p.doctor()
	d.finds(t, "ok", "user nobody can read all 6 files and folders", "so the daemon says")
	d.finds(t, "ok", "user nobody can write to state_dir")
	d.finds(t, "ok", "user postfix reaches unix:onbehalf/milter.sock from its chroot "+p.postfix.QueueDir)
	d.finds(t, "ok", "signature by ob1._domainkey.courseware.nl that verifies (rsa)")
	d.finds(t, "ok", "signature by ob2._domainkey.courseware.nl that verifies (ed25519)")
	if p.postfix.Queue(t) != "" || strings.Contains(p.postfix.Log(), "status=") {
		t.Error("a message was sent")
	}

	d.finds(t, "ok", "bypassed Postfix", "doctor --smtp")
	t.Run("through Postfix", func(t *testing.T) {
		p.doctor("--smtp").finds(t, "ok", "Postfix shows onbehalf the messages that it takes at "+p.postfix.SMTPAddr, "nothing was sent")
		if p.postfix.Queue(t) != "" || strings.Contains(p.postfix.Log(), "status=") {
			t.Error("a message was sent")
		}
		p.set(p.postfix, "receive_override_options=no_milters")
		d := p.doctor("--smtp")
		d.finds(t, "error", "Postfix took a message at "+p.postfix.SMTPAddr+" that onbehalf refuses", "postmaster@courseware.nl")
		f := d.finds(t, "error", "receive_override_options contains no_milters", "postconf -c "+p.postfix.ConfigDir+" -X receive_override_options")
		p.undo(f)
		p.reloadPostfix(p.postfix)
		p.await("the message to leave", func() bool { return p.postfix.Queue(t) == "" })
		well(t)
	})
	t.Run("another instance", func(t *testing.T) {
		folder := p.folder + "/out"
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		queue := p.folder + "/out-spool"
		for name, text := range map[string]string{
			"main.cf":   "queue_directory = " + queue + "\nmulti_instance_enable = yes\nsmtp_generic_maps = static:x\n",
			"master.cf": "127.0.0.1:1 inet n - y - - smtpd\n  -o smtpd_milters=\nsmtp unix - - y - - smtp\n",
		} {
			if err := os.WriteFile(folder+"/"+name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		before := time.Now().Add(-time.Minute)
		for _, name := range []string{"main.cf", "master.cf"} {
			if err := os.Chtimes(folder+"/"+name, before, before); err != nil {
				t.Fatal(err)
			}
		}
		p.postconf("multi_instance_directories = " + folder)
		d := p.doctor()
		d.finds(t, "error", "Postfix ("+folder+") is not running")
		d.finds(t, "warning", "the Postfix in "+folder+" does not call onbehalf", "MAIL_CONFIG="+folder+" onbehalf setup --apply")
		d.finds(t, "warning", "smtp_generic_maps is static:x")
		output, _, _ := p.run("setup")
		if !strings.Contains(output, "does not call onbehalf") {
			t.Errorf("setup says nothing of it:\n%s", output)
		}
		if out, err := exec.Command("postconf", "-c", folder, "-e", "multi_instance_enable = no").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		p.doctor().finds(t, "ok", "it is not enabled")
		p.postconf("multi_instance_directories =")
		well(t)
	})
	t.Run("$mua_milters", func(t *testing.T) {
		p.postconf("mua_milters = unix:onbehalf/milter.sock")
		master, err := os.ReadFile(p.postfix.ConfigDir + "/master.cf")
		if err != nil {
			t.Fatal(err)
		}
		p.master("127.0.0.1:1 inet n - y - - smtpd -o smtpd_milters=$mua_milters")
		p.settle()
		if text, _, status := p.run("doctor", "--user", "nobody"); status != 0 || !strings.HasSuffix(text, " ok, 0 warnings, 0 errors\n") {
			t.Errorf("exit status %d\n%s", status, text)
		}
		p.postconf("mua_milters =")
		p.doctor().finds(t, "warning", "127.0.0.1:1/inet has smtpd_milters of its own (none)")
		if err := os.WriteFile(p.postfix.ConfigDir+"/master.cf", master, 0o644); err != nil {
			t.Fatal(err)
		}
		p.settle()
	})
	t.Run("filters", func(t *testing.T) {
		master, err := os.ReadFile(p.postfix.ConfigDir + "/master.cf")
		if err != nil {
			t.Fatal(err)
		}
		p.master("amavis unix - - n - 2 smtp\n[::1]:10025 inet n - y - - smtpd\n  -o content_filter=\n  -o { receive_override_options = no_unknown_recipient_checks }")
		p.postconf("content_filter = amavis:[127.0.0.1]:10024")
		// The other smtpd of this host, the one of the test, has the filter as well.
		p.undo(p.doctor().finds(t, "error", "content_filter = amavis:[127.0.0.1]:10024, and [::1]:10025/inet takes mail back without no_milters"))
		if text, _, status := p.run("doctor", "--user", "nobody"); status != 0 || !strings.HasSuffix(text, " ok, 0 warnings, 0 errors\n") {
			t.Errorf("exit status %d\n%s", status, text)
		}
		p.postconf("content_filter =")
		p.master("127.0.0.1:1 inet n - y - - smtpd -o smtpd_proxy_filter=127.0.0.1:10024")
		p.settle()
		p.undo(p.doctor().finds(t, "error", "127.0.0.1:1/inet has smtpd_proxy_filter = 127.0.0.1:10024", "call onbehalf at [::1]:10025/inet"))
		well(t)
		if err := os.WriteFile(p.postfix.ConfigDir+"/master.cf", master, 0o644); err != nil {
			t.Fatal(err)
		}
		p.settle()
	})
	t.Run("settings of services", func(t *testing.T) {
		master, err := os.ReadFile(p.postfix.ConfigDir + "/master.cf")
		if err != nil {
			t.Fatal(err)
		}
		p.master("127.0.0.1:1 inet n - y - - smtpd\n  -o { smtpd_milters = { unix:onbehalf/milter.sock, default_action = accept } }\n  -o milter_default_action=accept\n  -o smtpd_milter_maps=static:DISABLE")
		p.master("away unix - - y - - smtp -o smtp_line_length_limit=990 -o smtp_header_checks=regexp:/x")
		p.settle()
		d := p.doctor()
		d.finds(t, "error", "127.0.0.1:1/inet has smtpd_milters of its own", "take default_action out of the braces")
		d.finds(t, "error", "127.0.0.1:1/inet has smtpd_milter_maps of its own (static:DISABLE)")
		d.finds(t, "warning", "away/unix has smtp_header_checks of its own (regexp:/x)")
		p.undo(d.finds(t, "error", "127.0.0.1:1/inet has milter_default_action of its own (accept)"))
		p.undo(d.finds(t, "warning", "away/unix has smtp_line_length_limit of its own (990)"))
		for _, f := range p.doctor().Findings {
			if strings.Contains(f.What, "smtp_line_length_limit of its own") || strings.Contains(f.What, "milter_default_action of its own") {
				t.Errorf("what doctor says to do changes nothing: %+v", f)
			}
		}
		if err := os.WriteFile(p.postfix.ConfigDir+"/master.cf", master, 0o644); err != nil {
			t.Fatal(err)
		}
		p.settle()
		well(t)
	})
	t.Run("network that is not trusted", func(t *testing.T) {
		p.postconf("mynetworks = 127.0.0.0/8 10.1.0.0/16")
		p.doctor().finds(t, "warning", "mynetworks has 10.1.0.0/16, which is not in trust.networks")
		p.postconf("mynetworks = 127.0.0.0/8")
	})
	t.Run("socket 0600", func(t *testing.T) {
		chmod(t, socket, 0o600)
		p.undo(p.doctor().finds(t, "error", "user postfix does not reach", socket+" has mode 0600", "chmod 0660"))
		well(t)
	})
	t.Run("folder of the socket 0700", func(t *testing.T) {
		chmod(t, filepath.Dir(socket), 0o700)
		p.undo(p.doctor().finds(t, "error", filepath.Dir(socket)+" has mode 0700", "may not enter it", "install -d -m 2750"))
		well(t)
	})
	t.Run("not our group", func(t *testing.T) {
		if err := os.Chown(socket, -1, 0); err != nil {
			t.Fatal(err)
		}
		p.undo(p.doctor().finds(t, "error", "group root, so user postfix (in group postfix", "chgrp postfix"))
		well(t)
	})
	t.Run("smtpd_milters emptied", func(t *testing.T) {
		p.postconf("smtpd_milters =")
		p.undo(p.doctor().finds(t, "error", "smtpd_milters does not name our socket, it is empty", "postconf -c "+p.postfix.ConfigDir+" -e 'smtpd_milters = unix:onbehalf/milter.sock'"))
		well(t)
	})
	t.Run("milter_default_action", func(t *testing.T) {
		p.postconf("milter_default_action = accept")
		p.undo(p.doctor().finds(t, "error", "milter_default_action is accept", "milter_default_action = tempfail"))
		well(t)
	})
	t.Run("key of root alone", func(t *testing.T) {
		key := filepath.Dir(p.config) + "/keys/courseware.nl-ob1.pem"
		chmod(t, key, 0o600)
		p.undo(p.doctor().finds(t, "error", "user nobody cannot read a key, "+key, "has mode 0600", "chmod 0640"))
		well(t)
	})
	t.Run("another key on the disk", func(t *testing.T) {
		key := filepath.Dir(p.config) + "/keys/courseware.nl-ob1.pem"
		if err := os.Rename(key, key+".old"); err != nil {
			t.Fatal(err)
		}
		p.run("keygen", "--domain", "courseware.nl", "--selector", "ob1")
		if err := os.Chown(key, -1, nobody); err != nil {
			t.Fatal(err)
		}
		d := p.doctor()
		d.finds(t, "error", "the signature by ob1._domainkey.courseware.nl is missing, or does not verify", "systemctl reload")
		d.finds(t, "ok", "a signature by ob2._domainkey.courseware.nl that verifies")
		d.finds(t, "warning", key+" has changed since the daemon read it")
		if err := os.Rename(key+".old", key); err != nil {
			t.Fatal(err)
		}
		well(t)
	})
	t.Run("shadow", func(t *testing.T) {
		t.Setenv("ONBEHALF_POLICY_MODE", "shadow")
		p.stop()
		p.serveAsNobody()
		p.doctor().finds(t, "ok", "a message went through the socket and came back as it was, because policy.mode is shadow")
	})
	t.Run("unsigned against the configuration", func(t *testing.T) {
		p.doctor().finds(t, "error", "came back unsigned")
		p.stop()
		p.serveAsNobody()
		well(t)
	})
	t.Run("state_dir of root", func(t *testing.T) {
		if err := os.Chown(p.folder+"/state", 0, 0); err != nil {
			t.Fatal(err)
		}
		p.undo(p.doctor().finds(t, "error", "user nobody cannot write to state_dir", "chown nobody"))
		well(t)
	})
	t.Run("services of their own mind", func(t *testing.T) {
		p.master("127.0.0.1:1 inet n - y - - smtpd -o smtpd_milters= -o receive_override_options=no_address_mappings,no_milters")
		d := p.doctor()
		d.finds(t, "warning", "127.0.0.1:1/inet has smtpd_milters of its own")
		d.finds(t, "warning", "127.0.0.1:1/inet has no_milters")
		well(t)
	})
	t.Run("DNS lacks", func(t *testing.T) {
		p.house.nameserver.Publish(t, "courseware.nl TXT \"v=spf1 -all\"")
		d := p.doctor()
		d.finds(t, "error", "SPF of courseware.nl", "onbehalf dns shows")
		d.finds(t, "error", "ob1._domainkey.courseware.nl", "onbehalf dns shows")
		d.finds(t, "warning", "DMARC", "Google, Yahoo and Microsoft refuse bulk mail")
		d.finds(t, "error", "80.84.235.70 has no PTR record", "have whoever provides the address")
		p.publishAll()
		well(t)
	})
	t.Run("a name in HELO that nobody finds", func(t *testing.T) {
		relay := p.setting("relayhost")
		p.set(p.postfix, "relayhost=", "smtp_helo_name=old.courseware.nl")
		p.doctor().finds(t, "error", "Postfix says old.courseware.nl in HELO, which has no address", "give old.courseware.nl an address record of 80.84.235.70")
		p.set(p.postfix, "smtp_helo_name=$myhostname")
		p.doctor().finds(t, "ok", "Postfix says mail.courseware.nl in HELO")
		p.set(p.postfix, "relayhost="+relay)
		well(t)
	})
	t.Run("reload refused", func(t *testing.T) {
		good, err := os.ReadFile(p.config)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p.config, append(good, "nonsense: 1\n"...), 0o640); err != nil {
			t.Fatal(err)
		}
		p.daemon.Process.Signal(syscall.SIGHUP)
		p.await("the reload", func() bool { return strings.Contains(p.log.String(), "reload refused") })
		d := p.doctor()
		d.finds(t, "error", "does not load")
		d.finds(t, "error", "nonsense")
		d.finds(t, "error", "the reload of", "was refused")
		d.finds(t, "ok", "user postfix reaches")
		if err := os.WriteFile(p.config, good, 0o640); err != nil {
			t.Fatal(err)
		}
		p.daemon.Process.Signal(syscall.SIGHUP)
		p.await("the reload", func() bool { return strings.Contains(p.log.String(), "msg=reloaded") })
		well(t)
	})
	t.Run("daemon stopped", func(t *testing.T) {
		p.stop()
		d := p.doctor()
		d.finds(t, "error", "the daemon does not answer", "onbehalf is NOT running")
		d.finds(t, "ok", "user nobody can read all 6 files and folders", "by mode and owner, because no daemon was there to ask")
		d.finds(t, "error", "milter.sock is not there", "systemctl restart onbehalf")
		d.finds(t, "error", "no message could be handed in")
	})
	t.Run("Postfix stopped", func(t *testing.T) {
		if out, err := exec.Command("postfix", "-c", p.postfix.ConfigDir, "stop").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		p.doctor().finds(t, "error", "is not running", p.postfix.ConfigDir)
		if out, err := exec.Command("postfix", "-c", p.postfix.ConfigDir, "start").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	})
}

// TestDoctorOutsideOfTheChroot: a socket that everybody may use, and that chrooted services
// cannot see.
func TestDoctorOutsideOfTheChroot(t *testing.T) {
	p := openPremises(t, "  []\n")
	t.Setenv("MAIL_CONFIG", p.postfix.ConfigDir)
	p.stop()
	chmod(t, p.folder, 0o755)
	t.Setenv("ONBEHALF_LISTEN", "unix:"+p.folder+"/outside.sock")
	p.serve()
	chmod(t, p.folder+"/outside.sock", 0o666)
	d := p.doctor()
	d.finds(t, "error", "does not reach unix:"+p.folder+"/outside.sock from its chroot "+p.postfix.QueueDir, "see nothing outside", "listen: [unix:"+p.postfix.QueueDir+"/onbehalf/milter.sock]")
	d.finds(t, "warning", "every user of this host reaches unix:"+p.folder+"/outside.sock", "chmod o=")
	d.finds(t, "ok", "a milter answers at unix:"+p.folder+"/outside.sock")
	d.finds(t, "error", "smtpd_milters does not name our socket, it is unix:onbehalf/milter.sock")
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// postconf makes a setting in the private Postfix.
func (p *premises) postconf(setting string) {
	p.t.Helper()
	if out, err := exec.Command("postconf", "-c", p.postfix.ConfigDir, "-e", setting).CombinedOutput(); err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	p.settle()
}

// settle makes main.cf and master.cf old: Postfix's commands wait before they read a
// file that was written just now (dict_load_file_xt in its source).
func (p *premises) settle() {
	p.t.Helper()
	before := time.Now().Add(-time.Minute)
	for _, name := range []string{"main.cf", "master.cf"} {
		if err := os.Chtimes(filepath.Join(p.postfix.ConfigDir, name), before, before); err != nil {
			p.t.Fatal(err)
		}
	}
}

// master adds a service.
func (p *premises) master(line string) {
	p.t.Helper()
	path := p.postfix.ConfigDir + "/master.cf"
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, append(text, line+"\n"...), 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}
