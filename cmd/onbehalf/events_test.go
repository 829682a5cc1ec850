package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"onbehalf/events"
)

const hookSecret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// hook is a receiver of events that takes those alone whose signature is right.
type hook struct {
	*httptest.Server
	mu   sync.Mutex
	says int // status; 0: 204
	all  []events.Event
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := new(hook)
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	key, _ := base64.StdEncoding.DecodeString(hookSecret)
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, r.Header.Get("webhook-id")+"."+r.Header.Get("webhook-timestamp")+"."+string(body))
	var e events.Event
	switch {
	case r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)), json.Unmarshal(body, &e) != nil, e.ID != r.Header.Get("webhook-id"):
		http.Error(w, "forged", http.StatusUnauthorized)
	case h.says != 0:
		http.Error(w, "not now", h.says)
	default:
		h.all = append(h.all, e)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (h *hook) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.says = status
}

// gets waits for an event of a type, and returns the first.
func (h *hook) gets(t *testing.T, d *running, kind events.Type) (e events.Event) {
	t.Helper()
	if !soon(func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		i := slices.IndexFunc(h.all, func(e events.Event) bool { return e.Type == kind })
		if i >= 0 {
			e = h.all[i]
			h.all = slices.Delete(h.all, i, i+1)
		}
		return i >= 0
	}) {
		t.Fatalf("no %s arrived; the daemon knows:\n%s", kind, strings.Join(d.noticed(), "\n"))
	}
	return e
}

// noticed returns the events that the daemon keeps, in words.
func (d *running) noticed() []string {
	_, out, talk := d.onbehalf("events")
	return []string{out, talk}
}

// withHook has a daemon send events, to be started next.
func withHook(t *testing.T) *hook {
	t.Helper()
	h := newHook(t)
	secret := t.TempDir() + "/hook.secret"
	if err := os.WriteFile(secret, []byte("whsec_"+hookSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ONBEHALF_EVENTS_WEBHOOK", h.URL+"/secret-path")
	t.Setenv("ONBEHALF_EVENTS_SECRET", secret)
	return h
}

// TestEventsOfDaemon: what the daemon notices reaches the receiver, over a restart too, and commands
// say so.
func TestEventsOfDaemon(t *testing.T) {
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	h := withHook(t)
	d := startServe(t)
	if status, out, _ := d.onbehalf("events"); status != 0 || out != "There was no event yet.\n" {
		t.Errorf("%d, %s", status, out)
	}
	d.reload(d.config() + "platfrom: {}\n")
	if e := h.gets(t, d, events.ReloadRefused); e.Severity != events.Error || !strings.Contains(e.Data.Reason, "platfrom") || e.Data.Fix == "" {
		t.Errorf("%+v", e)
	}
	d.reload(strings.Replace(d.config(), "authorization: unauthorized", "authorization: authorized", 1))
	if e := h.gets(t, d, events.TenantMoved); e.Data.Tenant != "yourorg" || e.Data.Before != "6 on-behalf" || e.Data.After != "5 spf" || e.Severity != events.Info {
		t.Errorf("%+v", e)
	}

	h.answer(http.StatusServiceUnavailable)
	if err := os.Chmod(d.folder+"/keys/university.pem", 0o644); err != nil {
		t.Fatal(err)
	}
	d.reload(d.config())
	var out string
	if !soon(func() bool { _, out, _ = d.onbehalf("status"); return strings.Contains(out, "DOES NOT TAKE THEM") }) {
		t.Errorf("status says\n%s", out)
	}
	has(t, out, "webhook DOES NOT TAKE THEM since", "HTTP 503 Service Unavailable: not now", "events to go")
	if strings.Contains(out, "secret-path") {
		t.Error("status shows the path of the webhook")
	}
	status, out, _ := d.onbehalf("events", "--test")
	if has(t, out, "webhook", "DID NOT TAKE IT", "HTTP 503 Service Unavailable: not now"); status != 1 {
		t.Errorf("exit status %d", status)
	}
	time.Sleep(1500 * time.Millisecond) // what a killed daemon may lose
	d.command.Process.Signal(syscall.SIGKILL)
	<-d.ended
	h.answer(0)
	d = d.again()
	if e := h.gets(t, d, events.KeyUnreadable); e.Data.Tenant != "university" || !strings.HasSuffix(e.Data.Path, "university.pem") {
		t.Errorf("%+v", e)
	}
	if status, out, _ = d.onbehalf("events", "--test"); status != 0 {
		t.Errorf("%d: %s", status, out)
	}
	h.gets(t, d, events.Test)
	_, out, _ = d.onbehalf("events", "--json")
	var all []events.Event
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	keys := 0
	for _, e := range all {
		if e.Type == events.KeyUnreadable {
			keys++
		}
	}
	if keys != 1 {
		t.Errorf("a restart makes a new event of a key that was unreadable before:\n%s", out)
	}
	d.reload(strings.Replace(d.config(), "name: Courseware", "name: Course", 1))
	has(t, d.noticed()[0], "reload.refused", "tenant.moved", "tenant yourorg", "6 on-behalf -> 5 spf", "key.unreadable", "tenant.moved", "tenant university  *.university.example", "-> 5 spf")
}

// TestEventsOfDNS: a tenant that is about to leave in another way is an event, and so is when it does.
func TestEventsOfDNS(t *testing.T) {
	h := withHook(t)
	t.Setenv("ONBEHALF_DNS_DEMOTE_AFTER", "2s")
	d, z := startWatched(t, map[string]string{"yourorganisationname.nl": "v=spf1 ip4:80.84.235.70 -all"})
	if !soon(func() bool {
		_, words := d.happened("yourorg")
		return strings.Contains(strings.Join(words, "\n"), ">active|")
	}) {
		t.Fatal("nothing is authorized")
	}
	z.remove("yourorganisationname.nl")
	if e := h.gets(t, d, events.TenantWarning); e.Data.Tenant != "yourorg" || e.Data.Mechanism != "spf" || e.Data.Before != "5 spf" || e.Data.After != "6 on-behalf" || e.Data.Due.IsZero() || e.Data.Reason == "" {
		t.Errorf("%+v", e)
	}
}

// TestForbiddenIsAnEvent: once a day for each tenant, whatever comes.
func TestForbiddenIsAnEvent(t *testing.T) {
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	h := withHook(t)
	d := startServe(t)
	config := strings.Replace(d.config(), "  - id: university", "  - {id: bound, domains: [bound.example], authorization: unauthorized, submitters: {networks: [127.0.0.1/32]}}\n  - id: university", 1)
	if status := d.reload(config); !strings.Contains(status, "STATUS=ok:") {
		t.Fatal(status)
	}
	for range 5 {
		d.send("a@university.example")
	}
	e := h.gets(t, d, events.Forbidden)
	if e.Data.Tenant != "bound" || e.Data.Of != "university" || e.Data.Client != "127.0.0.1" || e.Severity != events.Warning {
		t.Errorf("%+v", e)
	}
	if text := strings.Join(d.noticed(), ""); strings.Count(text, "submitter.forbidden") != 1 {
		t.Errorf("five messages:\n%s", text)
	}
}

// TestFollow: events are shown as they come, a line each.
func TestFollow(t *testing.T) {
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	d := startServe(t)
	command := exec.Command("onbehalf", "events", "--follow", "--json", "--config", d.folder+"/onbehalf.yaml")
	out, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	follow := bufio.NewScanner(out)
	d.reload("{")
	d.reload("[")
	var lines []string
	for range 2 {
		if !follow.Scan() {
			t.Fatal("it ended")
		}
		var e events.Event
		if err := json.Unmarshal(follow.Bytes(), &e); err != nil || e.Type != events.ReloadRefused {
			t.Errorf("%v: %s", err, follow.Text())
		}
		lines = append(lines, e.ID)
	}
	if lines[0] == lines[1] {
		t.Error("the same came twice")
	}
	command.Process.Signal(os.Interrupt)
	go func() { ended <- command.Wait() }()
	if err := <-ended; err != nil {
		t.Errorf("interrupted, it ends by %v", err)
	}
	for _, test := range []struct {
		args   []string
		status int
		text   string
	}{
		{[]string{"--test", "--follow"}, 2, "one of them"},
		{[]string{"--test"}, 1, "nobody hears of events: neither events.webhook nor events.command"},
	} {
		if status, out, talk := d.onbehalf(append([]string{"events"}, test.args...)...); status != test.status || !strings.Contains(out+talk, test.text) {
			t.Errorf("%q: %d, %s%s", test.args, status, out, talk)
		}
	}
}
