package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"onbehalf/admin"
	"onbehalf/counters"
)

// today asks for the last day of a tenant.
func (d *running) today(id string) counters.Day {
	d.t.Helper()
	var doc admin.Counters
	status, out, talk := d.onbehalf("status", "--json", id)
	if strings.HasPrefix(id, "(") {
		if err := json.Unmarshal([]byte(out), &doc); err != nil || status != 0 {
			d.t.Fatalf("%d, %v: %s%s", status, err, out, talk)
		}
		return doc.Days[len(doc.Days)-1]
	}
	var tenant admin.Tenant
	if err := json.Unmarshal([]byte(out), &tenant); err != nil || status != 0 {
		d.t.Fatalf("%d, %v: %s%s", status, err, out, talk)
	}
	return tenant.Counters.Days[len(tenant.Counters.Days)-1]
}

// TestCountersOfStatus: messages are seen at once, over a restart too, and in words.
func TestCountersOfStatus(t *testing.T) {
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	d := startServe(t)
	if _, out, _ := d.onbehalf("status", "university"); !strings.Contains(out, "No mail in the last 30 days (UTC).") {
		t.Errorf("before any mail:\n%s", out)
	}
	for range 3 {
		d.send("a@university.example")
	}
	d.send("a@yourorganisationname.nl")
	d.send("a@nowhere.example")
	d.send("help@courseware.nl")
	check := func() {
		t.Helper()
		for id, want := range map[string]int64{"university": 3, "a@yourorganisationname.nl": 1, counters.Unknown: 1, counters.Platform: 1} {
			if day := d.today(id); day.Own() != want || day.Last.IsZero() {
				t.Errorf("%s: %+v, want %d messages", id, day, want)
			}
		}
	}
	check()
	d.command.Process.Signal(syscall.SIGTERM)
	if err := d.endsSoon(); err != nil {
		t.Fatal(err)
	}
	d = d.again()
	check()
	status, out, _ := d.onbehalf("status", "university")
	if status != 0 || !strings.Contains(out, "Mail of the last 30 days (UTC), the last message ") || !strings.Contains(out, "  DAY         MESSAGES  REFUSED  CAME BACK\n") || strings.Contains(out, "#") {
		t.Errorf("%d:\n%s", status, out)
	}
	if status, out, talk := d.onbehalf("status", "(nosuch)"); status != 1 || !strings.Contains(talk, "there is no tenant") {
		t.Errorf("%d: %s%s", status, out, talk)
	}
}

// TestCountersOnTerminal: a terminal gets a bar for each day with mail.
func TestCountersOnTerminal(t *testing.T) {
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	d := startServe(t)
	d.send("a@university.example")
	out, err := exec.Command("script", "-qec", "onbehalf status university --config "+d.folder+"/onbehalf.yaml", "/dev/null").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "  1        0          0  ####") {
		t.Errorf("%v:\n%s", err, out)
	}
}
