package events

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCommand: a program gets its arguments as they are, the event on standard input, and nothing of
// the daemon's environment.
func TestCommand(t *testing.T) {
	t.Setenv("ONBEHALF_SECRET", "hunter2")
	out := filepath.Join(t.TempDir(), "out")
	path := script(t, `cat > "$1"; printf '%s|' "$@" >> "$1"; env >> "$1"`)
	f := newFixture(t, t.TempDir(), NewCommand([]string{path, out, "$(id) *", ""}))
	defer f.close(t)
	f.Notice(f.about("university", "university.example"))
	f.deliver(t)
	if s := f.of(t, "command"); s.Queued != 0 || s.Target != path {
		t.Errorf("%+v", s)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	var e Event
	if err := json.Unmarshal([]byte(first), &e); err != nil || e.Data.Tenant != "university" || e.ID == "" {
		t.Errorf("%v: %s", err, first)
	}
	if !strings.HasPrefix(rest, out+"|$(id) *||") || strings.Contains(rest, "hunter2") {
		t.Errorf("arguments and environment: %s", rest)
	}
}

// TestCommandFails: what a program says when it fails is kept short and clean; one that does not end
// is killed with all that it has started, and one that is not there is no fault of ours.
func TestCommandFails(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "alive")
	for text, want := range map[string]string{
		"cat >/dev/null; echo 'no\033[2J disk' >&2; exit 3": "exit status 3: no?[2J disk",
		"exec <&-; yes | head -c 100000; exit 1":            "exit status 1: y y y",
		"kill -9 $$":                                        "signal: killed",
		"(sleep 2; touch " + mark + ") & sleep 60":          "it did not end in ",
	} {
		begun := time.Now()
		a := NewCommand([]string{script(t, text)}).run(t.Context(), []byte("{}"), 500*time.Millisecond)
		if a.OK || !strings.HasPrefix(a.Text, strings.Split(want, "?")[0]) || strings.ContainsAny(a.Text, "\x1b\n") || len(a.Text) > 300 || time.Since(begun) > 5*time.Second {
			t.Errorf("%s: %+v after %s", text, a, time.Since(begun))
		}
	}
	if a := NewCommand([]string{"/nonexistent/hook"}).Send(t.Context(), Event{}, nil); a.OK || a.Text != "it cannot be run: no such file or directory" {
		t.Errorf("%+v", a)
	}
	time.Sleep(2200 * time.Millisecond)
	if _, err := os.Stat(mark); err == nil {
		t.Error("what it had started lived on")
	}
}

// TestDoubt: what is known against a program before it is run.
func TestDoubt(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/bin/cat": "", "/nonexistent": "no such file or directory", "/": "it is a folder",
		plain: "the user that the daemon runs as may not execute it",
	} {
		if got := NewCommand([]string{path}).Doubt(); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := sandboxOf("Name:\tonbehalf\nNoNewPrivs:\t1\nSeccomp:\t2\n"); !strings.Contains(got, "sendmail") || !strings.Contains(got, "filtered") {
		t.Errorf("%q", got)
	}
	if got := sandboxOf("NoNewPrivs:\t0\nSeccomp:\t0\n"); got != "" {
		t.Errorf("%q", got)
	}
}
