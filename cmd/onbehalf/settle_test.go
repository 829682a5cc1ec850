package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// halves returns the configuration of a daemon up to its last tenant, and that.
func halves(u unconfigured) (main, last string) {
	full := u.config()
	at := strings.LastIndex(full, "  - id:")
	return full[:at], full[at:]
}

func (u unconfigured) put(name, text string) {
	u.t.Helper()
	if err := os.WriteFile(u.folder+"/"+name, []byte(text), 0o600); err != nil {
		u.t.Fatal(err)
	}
}

// TestHalfIsNotAdopted: what somebody is about to save or copy is not taken for the whole of it,
// though nothing is wrong with the half that is there. A request takes it at once.
func TestHalfIsNotAdopted(t *testing.T) {
	start := func() (u unconfigured, main, last string) {
		u = startUnconfigured(t, breakMain(t))
		main, last = halves(u)
		main = strings.Replace(main, "srs:", "policy: {unknown_domain: reject}\nsrs:", 1)
		u.put("onbehalf.yaml", main)
		return u, main, last
	}
	saved, main, last := start()
	copied, _, _ := start()
	for _, u := range []unconfigured{saved, copied} {
		if status := u.hear("STATUS="); !strings.Contains(status, "NOT READY") || !strings.Contains(status, settles) {
			t.Errorf("systemd is told %q", status)
		}
		mail := letter("a@university.example")
		u.deferred(u.dial(mail), mail)
	}
	_, out, _ := copied.onbehalf("status")
	has(t, strings.Join(strings.Fields(out), " "), "NOT READY", settles)
	saved.put("onbehalf.yaml", main+last)
	copied.put("tenants.d/university.yaml", "tenants:\n"+last)
	for _, u := range []unconfigured{saved, copied} {
		if status := u.hear("READY=1"); !strings.Contains(status, "STATUS=ok: 2 tenants") {
			t.Errorf("when all is there: %q", status)
		}
		result := u.sendTo(u.sockets+"/milter", "a@university.example")
		if got := from(t, result); got != "a@university.example" || len(result.Refused) > 0 {
			t.Errorf("answered %+v", result)
		}
		u.says("adopted when its files have stayed as they are")
		if n := strings.Count(u.said(), "adopted when its files have stayed as they are"); n != 1 {
			t.Errorf("it is logged %d times:\n%s", n, u.said())
		}
	}
	asked, main, _ := start()
	if status := asked.reload(main); !strings.Contains(status, "STATUS=ok: 1 tenants") {
		t.Errorf("at a request: %q", status)
	}
}

// settles is said while files have to stay as they are.
const settles = "the configuration can be used now; it is adopted when its files have not changed for 10 seconds"

// TestTruncatedIsNotAdopted: a file without a newline at its end stays for whoever asks, as at a
// reload, and systemd shows each reason as it changes.
func TestTruncatedIsNotAdopted(t *testing.T) {
	u := startUnconfigured(t, breakMain(t))
	main, last := halves(u)
	u.put("onbehalf.yaml", strings.TrimRight(main, "\n"))
	if status := u.hear("STATUS="); !strings.Contains(status, "NOT READY") || !strings.Contains(status, "may be truncated") {
		t.Errorf("systemd is told %q", status)
	}
	u.put("onbehalf.yaml", main+last+"other: 1\n")
	if status := u.hear("STATUS="); !strings.Contains(status, "other: there is no such key") {
		t.Errorf("systemd is told %q", status)
	}
	u.put("onbehalf.yaml", strings.TrimRight(main, "\n"))
	u.hear("STATUS=NOT READY")
	time.Sleep(settleTries)
	mail := letter("a@university.example")
	u.deferred(u.dial(mail), mail)
	if status := u.reload(strings.TrimRight(main+last, "\n")); !strings.Contains(status, "STATUS=ok: 2 tenants") {
		t.Errorf("at a request: %q", status)
	}
}

// settleTries is longer than files have to be unchanged, and some tries more.
const settleTries = 15 * time.Second
