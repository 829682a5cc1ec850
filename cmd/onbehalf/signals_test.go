package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// many are tenants that take seconds to load.
func many(t *testing.T, folder string) {
	t.Helper()
	var text strings.Builder
	text.WriteString("tenants:\n")
	for i := range 30_000 {
		fmt.Fprintf(&text, "  - id: t%d\n    domains: [t%d.example, \"*.t%d.example\"]\n    authorization: unauthorized\n", i, i, i)
	}
	if err := os.WriteFile(folder+"/tenants.d/many.yaml", []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// endsSoon holds that a daemon ends in the time that systemd gives it.
func (d *running) endsSoon() error {
	d.t.Helper()
	select {
	case err := <-d.ended:
		return err
	case <-time.After(35 * time.Second):
		d.t.Fatal("it did not end")
	}
	return nil
}

// TestTermDuringReload: a SIGTERM does not wait for a reload, and the reload takes no effect.
func TestTermDuringReload(t *testing.T) {
	d := startServe(t)
	many(t, d.folder)
	d.command.Process.Signal(syscall.SIGHUP)
	d.hear("RELOADING=1")
	d.command.Process.Signal(syscall.SIGTERM)
	d.hear("STOPPING=1")
	if err := d.endsSoon(); err != nil {
		t.Error(err)
	}
	if strings.Contains(d.said(), "msg=reloaded") {
		t.Error("the reload came first: there is too little to load")
	}
}

// TestHangupDuringReload: what is written while a reload is under way is seen by the next, which
// the SIGHUP of that time begins.
func TestHangupDuringReload(t *testing.T) {
	d := startServe(t)
	many(t, d.folder)
	d.command.Process.Signal(syscall.SIGHUP)
	d.hear("RELOADING=1")
	if err := os.Remove(d.folder + "/tenants.d/many.yaml"); err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(d.config(), "  - id: university", "  - id: third\n    domains: [third.example]\n  - id: university", 1)
	if err := os.WriteFile(d.folder+"/onbehalf.yaml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		d.command.Process.Signal(syscall.SIGHUP)
	}
	d.hear("READY=1")
	d.hear("RELOADING=1")
	if status := d.hear("READY=1"); !strings.Contains(status, "STATUS=ok: 3 tenants") {
		t.Errorf("after the second reload: %s", status)
	}
}

// TestTermDuringStart: nor does it wait for the load of a start.
func TestTermDuringStart(t *testing.T) {
	d := launch(t, func(folder string) *exec.Cmd {
		many(t, folder)
		return exec.Command("onbehalf", "serve", "--config", folder+"/onbehalf.yaml")
	})
	d.hear("STATUS=loading")
	d.command.Process.Signal(syscall.SIGHUP)
	d.command.Process.Signal(syscall.SIGTERM)
	if err := d.endsSoon(); err != nil || !strings.Contains(d.said(), "ended before it served anybody: terminated") {
		t.Errorf("it ended with %v:\n%s", err, d.said())
	}
}

// TestHangupDuringStart: a SIGHUP of that time leads to a reload.
func TestHangupDuringStart(t *testing.T) {
	d := launch(t, func(folder string) *exec.Cmd {
		return exec.Command("onbehalf", "serve", "--config", folder+"/onbehalf.yaml")
	})
	d.hear("STATUS=loading")
	d.command.Process.Signal(syscall.SIGHUP)
	d.hear("READY=1")
	d.hear("RELOADING=1")
	d.hear("READY=1")
}
