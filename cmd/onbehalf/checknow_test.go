package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"onbehalf/admin"
)

// TestCheckNow: the daemon looks up a tenant when it is asked to, and check says what has changed.
func TestCheckNow(t *testing.T) {
	d, z := startWatchedEvery(t, "1h", published())
	if !d.lookedUp(4) {
		t.Fatal("not all domains were looked up: " + d.said())
	}
	waits := func() bool { // and is not looked up by itself while this test runs
		var page admin.Tenant
		err := admin.Ask("unix", d.socket(), "/tenants/yourorg", &page)
		return err == nil && page.Domains[0].NextLookup.Sub(page.Now) > 20*time.Second
	}
	if !soon(waits) {
		t.Fatal("the daemon looks up yourorg all the time: " + d.said())
	}
	z.publish("yourorganisationname.nl", "v=spf1 ip4:80.84.235.70 -all")
	status, out, talk := d.onbehalf("check", "yourorg", "--now")
	has(t, talk, "the daemon has looked up 1 of the domains of yourorg now", "yourorganisationname.nl spf: pending -> active: SPF of yourorganisationname.nl passes",
		"mail from yourorganisationname.nl now leaves by row 5 spf, and left by row 6 on-behalf")
	has(t, out, "yourorg: Your Organisation", "SPF ok:")
	if plain, same, _ := d.onbehalf("check", "yourorg"); plain != status || same != out {
		t.Errorf("with --now %d\n%s, without %d\n%s", status, out, plain, same)
	}
	status, out, talk = d.onbehalf("check", "yourorg", "--now")
	if status != 1 || out != "" || !strings.Contains(talk, "the domains of tenant yourorg were looked up a moment ago; ask again in ") {
		t.Errorf("at once again: %d %s%s", status, out, talk)
	}
	status, _, talk = d.onbehalf("check", "university", "--now")
	if !strings.Contains(talk, "nothing has changed") {
		t.Errorf("of another tenant: %d %s", status, talk)
	}
	for _, args := range []string{"check --now", "check yourorg --now --probe", "check yourorg --now --from x"} {
		if status, _, talk := d.onbehalf(strings.Fields(args)...); status != 2 || !strings.Contains(talk, "--now ") {
			t.Errorf("%s: %d %s", args, status, talk)
		}
	}
	if status, _, talk := d.onbehalf("check", "stranger", "--now"); status != 1 || !strings.Contains(talk, "stranger") {
		t.Errorf("of no tenant: %d %s", status, talk)
	}
	d.command.Process.Signal(syscall.SIGTERM)
	if err := d.endsSoon(); err != nil {
		t.Fatal(err)
	}
	status, out, talk = d.onbehalf("check", "university", "--now")
	if status != 1 || out != "" || !strings.Contains(talk, "onbehalf is NOT running") {
		t.Errorf("without a daemon: %d %s%s", status, out, talk)
	}
}

// TestCheckNowInstead: who cannot use the configuration has the daemon look up, too, by any name of
// the tenant, or hears why it does not.
func TestCheckNowInstead(t *testing.T) {
	d, z := startWatchedEvery(t, "1h", published())
	if !d.lookedUp(4) {
		t.Fatal("not all domains were looked up: " + d.said())
	}
	file := d.folder + "/onbehalf.yaml"
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(good, "platfrom: {}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	z.publish("yourorganisationname.nl", "v=spf1 ip4:80.84.235.70 -all")
	_, out, talk := d.onbehalf("check", "academy@yourorganisationname.nl", "--now")
	has(t, talk, "platfrom: there is no such key", "the daemon has looked up 1 of the domains of yourorg now",
		"yourorganisationname.nl spf: pending -> active", "by what the daemon runs with, because")
	has(t, out, "yourorg: Your Organisation", "SPF ok:")
	status, out, talk := d.onbehalf("check", "yourorg", "--now")
	if status != 1 || out != "" {
		t.Errorf("at once again: %d %s", status, out)
	}
	has(t, talk, "the domains of tenant yourorg were looked up a moment ago; ask again in ")
	status, out, talk = d.onbehalf("check", "universty", "--now")
	if status != 1 || out != "" {
		t.Errorf("of no tenant: %d %s", status, out)
	}
	has(t, talk, `there is no tenant "universty"; did you mean university?`)
	d.command.Process.Signal(syscall.SIGTERM)
	if err := d.endsSoon(); err != nil {
		t.Fatal(err)
	}
	status, out, talk = d.onbehalf("check", "university", "--now")
	if status != 1 || out != "" {
		t.Errorf("without a daemon: %d %s", status, out)
	}
	has(t, talk, "platfrom: there is no such key", "onbehalf is NOT running")
}
