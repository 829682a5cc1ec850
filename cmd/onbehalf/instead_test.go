package main

import (
	"os"
	"strings"
	"testing"
)

// TestDaemonAnswersInstead: who cannot use the configuration, because it is broken or for others to
// read, gets from the daemon what the command would have said.
func TestDaemonAnswersInstead(t *testing.T) {
	d, _ := startWatched(t, published())
	if !d.lookedUp(4) {
		t.Fatal(d.said())
	}
	commands := [][]string{{"dns"}, {"dns", "university"}, {"dns", "university", "--text", "--txt"}, {"dns", "university", "--zone"}, {"check", "university.example"},
		{"check", "yourorg", "--brief"}}
	before := make(map[string]string)
	statuses := make(map[string]int)
	for _, args := range commands {
		status, out, talk := d.onbehalf(append(args, "--host", "mail.courseware.nl")...)
		before[strings.Join(args, " ")], statuses[strings.Join(args, " ")] = out, status
		if out == "" {
			t.Fatalf("%v: %s", args, talk)
		}
	}
	file := d.folder + "/onbehalf.yaml"
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(good, "platfrom: {}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range commands {
		status, out, talk := d.onbehalf(append(args, "--host", "mail.courseware.nl")...)
		if want := before[strings.Join(args, " ")]; out != want || status != statuses[strings.Join(args, " ")] {
			t.Errorf("%v: status %d\n%s\nwant\n%s", args, status, out, want)
		}
		has(t, talk, "platfrom: there is no such key", "by what the daemon runs with, because")
	}
	status, out, talk := d.onbehalf("dns", "universty")
	if status != 1 || out != "" {
		t.Errorf("status %d: %s", status, out)
	}
	has(t, talk, `there is no tenant "universty"; did you mean university?`)
	if status, _, talk := d.onbehalf("check"); status != 1 || !strings.Contains(talk, "the configuration is not usable") {
		t.Errorf("of all: %d %s", status, talk)
	}
}
