package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// check runs status --check, and holds that it says one line on standard output and nothing else.
func (d *running) check(t *testing.T, want int, text string, args ...string) {
	t.Helper()
	status, out, talk := d.onbehalf(append([]string{"status", "--check"}, args...)...)
	if status != want || !strings.Contains(out, text) || talk != "" || strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "\n") {
		t.Errorf("exit status %d, want %d with %q: %q, and %q", status, want, text, out, talk)
	}
}

// TestCheckStatus: what a monitor is shown of a daemon that runs, and of one that does not.
func TestCheckStatus(t *testing.T) {
	records := published()
	records["cw1._domainkey.courseware.nl"] = "KEY"
	records["courseware.nl"], records["bounces.courseware.nl"] = "v=spf1 ip4:80.84.235.70 -all", "v=spf1 ip4:80.84.235.70 -all"
	d, z := startWatched(t, records)
	if !d.lookedUp(4) {
		t.Fatal("not all domains were looked up: " + d.said())
	}
	const unreceived = "WARNING: return_path of the platform's bounces.courseware.nl is missing" // this DNS has no MX
	d.check(t, 1, unreceived+"\n")
	z.remove("cw1._domainkey.university.example")
	if !soon(func() bool { _, out, _ := d.onbehalf("status", "--check"); return out != unreceived+"\n" }) {
		t.Error("a tenant's key that is gone is no warning")
	}
	d.check(t, 1, unreceived+"; records of tenants that are gone, so that their mail is about to leave in another way: 1; onbehalf status")
	z.remove("cw1._domainkey.courseware.nl")
	if !soon(func() bool { status, _, _ := d.onbehalf("status", "--check"); return status == 2 }) {
		t.Error("a key of the platform's that is gone is not critical")
	}
	d.command.Process.Signal(syscall.SIGTERM)
	<-d.ended
	d.check(t, 2, "CRITICAL: onbehalf is NOT running: no process answers at unix:")
	if err := os.Remove(d.folder + "/onbehalf.yaml"); err != nil {
		t.Fatal(err)
	}
	d.check(t, 2, "CRITICAL: onbehalf is NOT running") // ONBEHALF_ADMIN still says where
}

// TestCheckCannotTell: what is wrong with the question is no fault of the daemon's.
func TestCheckCannotTell(t *testing.T) {
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	d := startServe(t)
	d.check(t, 0, "OK: onbehalf dev, 2 tenants, 0 messages since the start")
	for text, args := range map[string][]string{
		"unknown flag: --nonsense":  {"--nonsense"},
		"leave TENANT out":          {"university"},
		"none of the others can be": {"--json"},
		"is not a socket":           {"--socket", "nowhere"},
		"UNKNOWN: ":                 {"--socket", "unix:" + stranger(t)},
		"--check=true":              {"--check=true", "university", "yourorg"},
	} {
		if text == "--check=true" {
			text = "UNKNOWN"
		}
		d.check(t, 3, text, args...)
	}
}

// TestCheckTimeOut: a daemon that does not answer in time is no answer.
func TestCheckTimeOut(t *testing.T) {
	folder := t.TempDir()
	listener, err := net.Listen("unix", folder+"/admin.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := writeInstallation(folder); err != nil {
		t.Fatal(err)
	}
	d := &running{t: t, folder: folder}
	d.check(t, 3, "UNKNOWN: no answer at unix:"+folder+"/admin.sock within 8s", "--socket", "unix:"+folder+"/admin.sock")
}

// stranger listens at a unix socket, and speaks another protocol.
func stranger(t *testing.T) (path string) {
	t.Helper()
	path = t.TempDir() + "/s"
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"))
			conn.Close()
		}
	}()
	return path
}

// TestCheckDenied: who may not ask the daemon cannot tell how it is.
func TestCheckDenied(t *testing.T) {
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	d := startServe(t)
	if err := os.Chmod(d.socket(), 0); err != nil {
		t.Fatal(err)
	}
	command := []string{"onbehalf", "status", "--check", "--config", d.folder + "/onbehalf.yaml"}
	if os.Geteuid() == 0 { // who may connect everywhere
		command = append([]string{"setpriv", "--bounding-set=-dac_override,-dac_read_search"}, command...)
	}
	out, err := exec.Command(command[0], command[1:]...).Output()
	exit := new(exec.ExitError)
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || !strings.HasPrefix(string(out), "UNKNOWN: you may not connect to ") {
		t.Errorf("%v: %s", err, out)
	}
}
