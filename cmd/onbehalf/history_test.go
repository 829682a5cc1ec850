package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"onbehalf/keys"
	"onbehalf/store"
	"onbehalf/tenant"
)

// happened returns history as its kinds and subjects, the latest first.
func (d *running) happened(args ...string) (entries []store.Entry, words []string) {
	d.t.Helper()
	status, out, talk := d.onbehalf(append([]string{"history", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &entries); err != nil || status != 0 {
		d.t.Fatalf("%d, %v: %s%s", status, err, out, talk)
	}
	for _, e := range entries {
		words = append(words, strings.Join([]string{string(e.Kind), e.Tenant, e.Subject, e.Before + ">" + e.After, e.Text}, "|"))
	}
	return entries, words
}

// expect waits until the last entries are these.
func (d *running) expect(want ...string) {
	d.t.Helper()
	var words []string
	if !soon(func() bool {
		_, words = d.happened()
		return len(words) >= len(want) && slices.Equal(words[:len(want)], want)
	}) {
		d.t.Fatalf("history:\n%s\nwant at its end:\n%s", strings.Join(words, "\n"), strings.Join(want, "\n"))
	}
}

// TestHistoryOfConfiguration: each reload, and each start, is recorded by what it has changed, tenant by
// tenant. Nothing of a key is but its name and a fingerprint of what DNS publishes.
func TestHistoryOfConfiguration(t *testing.T) {
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	d := startServe(t)
	d.expect("start|||>" + version + "|")
	config := d.config()
	reload := func(old, new string, want ...string) {
		t.Helper()
		if !strings.Contains(config, old) {
			t.Fatalf("no %q in the configuration", old)
		}
		config = strings.Replace(config, old, new, 1)
		if status := d.reload(config); !strings.Contains(status, "STATUS=ok:") {
			t.Fatal(status)
		}
		d.expect(want...)
	}
	reload("domains: [yourorganisationname.nl]\n", "domains: [yourorganisationname.nl, shop.example]\n    mode: shadow\n",
		"configuration|yourorg|domains|>|added shop.example", "configuration|yourorg|mode|enforce>shadow|")
	reload("  - id: university", "  - {id: third, domains: [third.example], authorization: unauthorized}\n  - id: university",
		"configuration|third|tenant|>configured|mode enforce, authorization unauthorized, domains third.example")
	reload("  - {id: third, domains: [third.example], authorization: unauthorized}\n", "",
		"configuration|third|tenant|configured>removed|")
	before, after := d.replaceKey(), d.mark("university.pem")
	reload("name: Your Organisation", "name: Our Organisation",
		"key|university|cw1._domainkey.university.example (rsa)|"+before+">"+after+"|",
		"configuration|yourorg|name|Your Organisation>Our Organisation|")
	d.command.Process.Signal(syscall.SIGTERM)
	if err := d.endsSoon(); err != nil {
		t.Fatal(err)
	}

	config = strings.Replace(config, "    dkim: [{selector: cw1, key: university.pem}]\n", "", 1)
	if err := os.WriteFile(d.folder+"/onbehalf.yaml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	d = d.again()
	d.expect("key|university|cw1._domainkey.university.example (rsa)|"+after+">|", "start|||>"+version+"|")
	if _, words := d.happened("third"); len(words) != 2 {
		t.Errorf("of a tenant that is gone: %q", words)
	}
	_, out, _ := d.onbehalf("history")
	if strings.Contains(out, "PRIVATE") || !strings.Contains(out, "university  key cw1._domainkey.university.example (rsa): removed") {
		t.Errorf("in words:\n%s", out)
	}
}

// again starts the daemon of a folder once more.
func (d *running) again() *running {
	d.t.Helper()
	old := d.folder
	next := launch(d.t, func(string) *exec.Cmd { return exec.Command("onbehalf", "serve", "--config", old+"/onbehalf.yaml") })
	next.folder = old
	next.hear("READY=1")
	return next
}

// mark returns the fingerprint of a key.
func (d *running) mark(file string) string {
	d.t.Helper()
	key, err := keys.Load(d.folder + "/keys/" + file)
	if err != nil {
		d.t.Fatal(err)
	}
	return key.Mark()
}

// replaceKey puts another key into the place of the university's, and returns the fingerprint of the
// one before.
func (d *running) replaceKey() (before string) {
	d.t.Helper()
	before = d.mark("university.pem")
	key, err := keys.Generate(tenant.RSA, 2048)
	if err == nil {
		err = os.Remove(d.folder + "/keys/university.pem")
	}
	if err == nil {
		err = keys.Create(d.folder+"/keys/university.pem", key)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return before
}

// TestHistoryOfMail: a tenant's first mail is recorded once, over restarts too.
func TestHistoryOfMail(t *testing.T) {
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	d := startServe(t)
	for range 3 {
		d.send("a@university.example")
	}
	d.expect("first-mail|university||>|", "start|||>"+version+"|")
	d.command.Process.Signal(syscall.SIGTERM)
	if err := d.endsSoon(); err != nil {
		t.Fatal(err)
	}
	d = d.again()
	d.send("a@university.example")
	d.send("a@yourorganisationname.nl")
	d.expect("first-mail|yourorg||>|", "start|||>"+version+"|", "first-mail|university||>|")
}

// TestHistoryOfDNS: what DNS shows is recorded with its evidence.
func TestHistoryOfDNS(t *testing.T) {
	d, z := startWatched(t, map[string]string{"yourorganisationname.nl": "v=spf1 ip4:80.84.235.70 -all"})
	if !soon(func() bool {
		_, words := d.happened("yourorg")
		return strings.Contains(strings.Join(words, "\n"), ">active|")
	}) {
		t.Fatal("nothing is authorized")
	}
	z.remove("yourorganisationname.nl")
	find := func(what string) (found store.Entry) {
		if !soon(func() bool {
			entries, _ := d.happened("yourorg")
			i := slices.IndexFunc(entries, func(e store.Entry) bool {
				return e.Kind == store.KindStanding && e.Subject == "spf" && e.Before+">"+e.After == what
			})
			if i >= 0 {
				found = entries[i]
			}
			return i >= 0
		}) {
			_, words := d.happened()
			t.Fatalf("no %s in\n%s", what, strings.Join(words, "\n"))
		}
		return found
	}
	e := find("active>warning")
	if e.Domain != "yourorganisationname.nl" || e.Text == "" || time.Since(e.At).Abs() > time.Minute {
		t.Errorf("%+v", e)
	}
	_, out, _ := d.onbehalf("history", "yourorg", "--since", "1h")
	has(t, out, e.At.Local().Format("2006-01-02 15:04:05 -0700")+"  spf of yourorganisationname.nl: active -> warning")
}

// TestHistoryAnswers: what cannot be answered says why.
func TestHistoryAnswers(t *testing.T) {
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	d := startServe(t)
	for _, test := range []struct {
		args   []string
		status int
		text   string
	}{
		{[]string{"nosuch"}, 1, `no tenant has the id "nosuch"`},
		{[]string{"yourorg"}, 0, "Nothing happened since " + time.Now().Add(-30*24*time.Hour).Format(time.DateOnly)},
		{[]string{"--since", "2036-11-26 08:30"}, 0, "Nothing happened since 2036-11-26 08:30 "},
		{[]string{"--since", "2026-01-31"}, 0, "started, version "},
		{[]string{"--since", "2026-11-24T08:30:00+01:00"}, 0, "started, version "},
		{[]string{"yourorg", "--json"}, 0, "[]\n"},
		{[]string{"--since", "soon"}, 2, `--since: "soon" is not a duration like 12h or 90d, nor a date like 2026-11-24`},
		{[]string{"--since", "-1h"}, 2, "is not a duration"},
		{[]string{"a", "b"}, 2, "one argument too many"},
	} {
		status, out, talk := d.onbehalf(append([]string{"history"}, test.args...)...)
		if status != test.status || !strings.Contains(out+talk, test.text) {
			t.Errorf("%q: %d, %s%s", test.args, status, out, talk)
		}
	}
}

// TestCommandsAskTheDaemon: a command decides by what the running daemon knows, and does not wait for
// the file that it has open.
func TestCommandsAskTheDaemon(t *testing.T) {
	d, _ := startWatched(t, map[string]string{"yourorganisationname.nl": "v=spf1 ip4:80.84.235.70 -all"})
	mail := d.folder + "/mail"
	if err := os.WriteFile(mail, []byte("From: a@yourorganisationname.nl\r\n\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, talk string
	if !soon(func() bool {
		_, out, talk = d.onbehalf("explain", mail)
		return strings.Contains(out, "yourorganisationname.nl: SPF active")
	}) {
		t.Errorf("explain says\n%s%s", out, talk)
	}
	t.Setenv("ONBEHALF_ADMIN", "")
	began := time.Now()
	status, out, talk := d.onbehalf("explain", mail)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("without an admin socket it takes %s", took)
	}
	has(t, out+talk, "what the daemon knows of tenants' DNS is not known here: the state is locked: another onbehalf uses state_dir "+d.folder)
	if status != 0 || !strings.Contains(out, "has not been looked up yet") {
		t.Errorf("%d, %s", status, out)
	}
}
