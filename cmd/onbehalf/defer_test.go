package main

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"onbehalf/admin"
	"onbehalf/milter/mta"
)

// unconfigured is a daemon with sockets that are handed over, and a configuration that it cannot
// use.
type unconfigured struct {
	*running
	sockets string // folder of them
}

// startUnconfigured hands sockets to a daemon whose configuration edit breaks, until it says READY.
func startUnconfigured(t *testing.T, edit func(folder string)) unconfigured {
	t.Helper()
	u := unconfigured{sockets: t.TempDir()}
	t.Setenv("ONBEHALF_ADMIN", "unix:"+u.sockets+"/admin")
	milter, socketmap := inherit(t, u.sockets+"/milter"), inherit(t, u.sockets+"/socketmap")
	u.running = launch(t, func(folder string) *exec.Cmd {
		edit(folder)
		return withSockets(folder+"/onbehalf.yaml", "milter:socketmap", milter, socketmap)
	})
	if status := u.hear("READY=1"); !strings.Contains(status, "STATUS=NOT READY, all mail is deferred (451): ") {
		t.Errorf("systemd is told %q", status)
	}
	return u
}

// breakMain makes the main file one that cannot be read as a whole.
func breakMain(t *testing.T) func(string) {
	return func(folder string) {
		text, err := os.ReadFile(folder + "/onbehalf.yaml")
		if err == nil {
			err = os.WriteFile(folder+"/onbehalf.yaml", append(text, "oops: 1\n"...), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// deferred hands in a message, which must be deferred soon.
func (u unconfigured) deferred(client *mta.Client, mail mta.Mail) {
	u.t.Helper()
	begun := time.Now()
	result, err := client.Send(mail)
	reply := result.Reply + result.Refused["<student@receiver.example>"]
	if err != nil || !strings.HasPrefix(reply, "451 4.7.1 ") || strings.Contains(reply, "oops") {
		u.t.Errorf("answered %+v, %v", result, err)
	}
	if took := time.Since(begun); took > time.Second {
		u.t.Errorf("the answer took %v", took)
	}
}

func (u unconfigured) dial(mail mta.Mail) *mta.Client {
	u.t.Helper()
	client, err := mta.Dial("unix", u.sockets+"/milter")
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { client.Close() })
	if err := client.Connect(mail); err != nil {
		u.t.Fatal(err)
	}
	return client
}

// TestDefersWithoutConfiguration: Postfix is answered at once, and on the same connection mail is
// signed when the configuration is right.
func TestDefersWithoutConfiguration(t *testing.T) {
	u := startUnconfigured(t, breakMain(t))
	mail := letter("a@university.example")
	client := u.dial(mail)
	u.deferred(client, mail)
	u.deferred(client, mail)
	local := mail
	local.Local, local.Sender = true, "a@university.example"
	u.deferred(u.dial(local), local)
	for request, want := range map[string]string{
		"transport *": "NOTFOUND ", "transport x@university.example": "TEMP ", "recipients srs0=x@bounces.courseware.nl": "TEMP ", "tls_policy [mx.university.example]:25": "TEMP ",
	} {
		if got := look(t, u.sockets+"/socketmap", request); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", request, got, want)
		}
	}

	status, out, talk := u.onbehalf("status")
	has(t, out, "is NOT READY, pid ", "all mail is deferred", u.folder+"/onbehalf.yaml", "error: "+u.folder+"/onbehalf.yaml: oops: there is no such key", "451 4.7.1", "3 messages deferred since the start", "systemctl reload onbehalf")
	if status != 1 {
		t.Errorf("status %d %s", status, talk)
	}
	if status, out, _ = u.onbehalf("status", "university"); status != 1 || !strings.Contains(out, "NOT READY") {
		t.Errorf("of a tenant: status %d: %s", status, out)
	}
	var no admin.Error
	if status, out, _ = u.onbehalf("status", "--json"); status != 1 || json.Unmarshal([]byte(out), &no) != nil || no.Unready == nil || no.Unready.Deferred != 3 || no.Unready.Findings[0].Level != "error" {
		t.Errorf("as JSON: status %d: %s", status, out)
	}
	if _, out, _ = u.onbehalf("doctor"); !strings.Contains(strings.Join(strings.Fields(out), " "), "is NOT READY: all mail is deferred") {
		t.Errorf("doctor says %s", out)
	}
	u.says("oops: there is no such key", "NOT READY, so all mail is deferred")
	if n := strings.Count(u.said(), "oops: there is no such key"); n != 1 {
		t.Errorf("it is logged %d times:\n%s", n, u.said())
	}

	u.command.Process.Signal(syscall.SIGHUP) // as broken as before
	u.hear("RELOADING=1")
	if status := u.hear("READY=1"); !strings.Contains(status, "STATUS=NOT READY") {
		t.Errorf("after a reload: %q", status)
	}
	if status := u.reload(u.config()); !strings.Contains(status, "STATUS=ok: 2 tenants") {
		t.Errorf("when it is right: %q", status)
	}
	result, err := client.Send(mail)
	if err != nil || from(t, result) != "a@university.example" || len(result.Refused) > 0 {
		t.Errorf("on the same connection: %+v, %v", result, err)
	}
	if status, out, talk := u.onbehalf("status"); status != 0 || !strings.Contains(out, "is running, pid ") || !strings.Contains(out, "1 kept, 3 deferred") {
		t.Errorf("status %d: %s%s", status, out, talk)
	}
	if got := look(t, u.sockets+"/socketmap", "transport x@university.example"); got != "NOTFOUND " {
		t.Errorf("the socketmap answers %q", got)
	}
	u.command.Process.Signal(syscall.SIGTERM)
	if err := <-u.ended; err != nil {
		t.Error(err)
	}
}

// TestConfigurationIsTriedAgain: without a reload, too; and an end does not wait for a
// configuration.
func TestConfigurationIsTriedAgain(t *testing.T) {
	u := startUnconfigured(t, breakMain(t))
	if err := os.WriteFile(u.folder+"/onbehalf.yaml", []byte(u.config()), 0o600); err != nil {
		t.Fatal(err)
	}
	if status := u.hear("READY=1"); !strings.Contains(status, "STATUS=ok: 2 tenants") {
		t.Errorf("when it is right: %q", status)
	}
	if got := from(t, u.sendTo(u.sockets+"/milter", "a@university.example")); got != "a@university.example" {
		t.Errorf("From: %s", got)
	}
	other := startUnconfigured(t, breakMain(t))
	begun := time.Now()
	other.command.Process.Signal(syscall.SIGTERM)
	if err := <-other.ended; err != nil || time.Since(begun) > 2*time.Second {
		t.Errorf("it ended with %v after %v", err, time.Since(begun))
	}
}

// TestDefersBesideAnother: a daemon that another one keeps from its state defers mail until that
// ends.
func TestDefersBesideAnother(t *testing.T) {
	first := startServe(t)
	u := startUnconfigured(t, func(folder string) {
		if err := os.WriteFile(folder+"/onbehalf.yaml", []byte(first.config()), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	mail := letter("a@university.example")
	u.deferred(u.dial(mail), mail)
	_, out, _ := u.onbehalf("status")
	has(t, out, "Reason", "another onbehalf uses state_dir "+first.folder)
	first.command.Process.Signal(syscall.SIGTERM)
	<-first.ended
	if status := u.hear("READY=1"); !strings.Contains(status, "STATUS=ok: 2 tenants") {
		t.Errorf("when it is alone: %q", status)
	}
}

// TestFirstStartFails: who starts the service with a configuration that it cannot use sees that;
// the start after it, which systemd makes by itself two seconds later, defers mail.
func TestFirstStartFails(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", t.TempDir())
	sockets := t.TempDir()
	t.Setenv("ONBEHALF_ADMIN", "unix:"+sockets+"/admin")
	milter := inherit(t, sockets+"/milter")
	folder := t.TempDir()
	if err := writeInstallation(folder); err != nil {
		t.Fatal(err)
	}
	breakMain(t)(folder)
	fails := func(when string) {
		t.Helper()
		out, err := withSockets(folder+"/onbehalf.yaml", "milter", milter).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "not started") || !strings.Contains(string(out), "oops") {
			t.Errorf("%s: %v\n%s", when, err, out)
		}
	}
	start := func() *running {
		t.Helper()
		d := launch(t, func(string) *exec.Cmd { return withSockets(folder+"/onbehalf.yaml", "milter", milter) })
		d.hear("READY=1")
		return d
	}
	end := func(d *running) {
		t.Helper()
		d.command.Process.Signal(syscall.SIGTERM)
		if err := <-d.ended; err != nil {
			t.Error(err)
		}
	}
	fails("the first")
	fails("one at once")
	time.Sleep(1600 * time.Millisecond)
	d := start()
	if !d.saysSoon("NOT READY, so all mail is deferred") {
		t.Error(d.said())
	}
	end(d)
	fails("a restart of one that defers")
	if err := os.WriteFile(folder+"/onbehalf.yaml", []byte(strings.ReplaceAll(d.config(), d.folder, folder)), 0o600); err != nil {
		t.Fatal(err)
	}
	end(start())
	breakMain(t)(folder)
	time.Sleep(1600 * time.Millisecond)
	fails("after one that was right")
}

// TestStatusOfHeldSocket: a socket at which connections are taken is no daemon.
func TestStatusOfHeldSocket(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("ONBEHALF_ADMIN", "unix:"+folder+"/admin.sock")
	d := &running{t: t, folder: t.TempDir()}
	if err := writeInstallation(d.folder); err != nil {
		t.Fatal(err)
	}
	breakMain(t)(d.folder)
	listener, err := net.Listen("unix", d.folder+"/milter.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	status, _, talk := d.onbehalf("status")
	has(t, talk, "onbehalf is NOT running: no process answers at unix:"+folder+"/admin.sock, nor at unix:"+d.folder+"/milter.sock, where connections are taken",
		"It cannot start with the configuration as it is now:", "error: "+d.folder+"/onbehalf.yaml: oops: there is no such key", "Mail waits: Postfix answers 451")
	if status != 1 {
		t.Errorf("status %d", status)
	}
	_, out, _ := d.onbehalf("doctor")
	has(t, strings.Join(strings.Fields(out), " "), "nothing answers at unix:"+d.folder+"/milter.sock, where connections are taken", "onbehalf is NOT running, and systemd holds its socket")
}

// TestReadUnits holds what is said of systemd's units.
func TestReadUnits(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"Id=onbehalf.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\n": "",
		"Id=onbehalf.service\nLoadState=loaded\nActiveState=activating\nSubState=auto-restart\nResult=exit-code\nNRestarts=12\nStatusText=\n\nId=onbehalf.socket\nLoadState=loaded\nActiveState=active\nSubState=running\nResult=success\n": "onbehalf.service is activating (auto-restart), it ended by exit-code, started again 12 times; onbehalf.socket is active (running)",
		"Id=onbehalf.service\nLoadState=loaded\nActiveState=active\nSubState=running\nResult=success\nNRestarts=0\nStatusText=NOT READY\n":                                                                                                  "onbehalf.service is active (running), NOT READY",
	} {
		got, stopped := readUnits(text)
		if got != want || stopped != strings.Contains(want, "auto-restart") {
			t.Errorf("%q, stopped: %v, want %q", got, stopped, want)
		}
	}
}
