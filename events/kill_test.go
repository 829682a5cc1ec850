package events

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"onbehalf/store"
	"onbehalf/tenant"
)

// killDir names the state of a process that this test starts again as itself.
const killDir = "ONBEHALF_EVENTS_KILL_DIR"

// TestMain is also the process that TestKill kills: with a state in the environment it is no test.
func TestMain(m *testing.M) {
	dir := os.Getenv(killDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := deliverForever(dir, os.Getenv("RECEIVER")); err != nil {
		fmt.Fprintln(os.Stderr, "level=ERROR", err)
		os.Exit(1)
	}
}

func deliverForever(dir, to string) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s, err := store.Open(store.Options{Dir: dir, Log: log})
	if err != nil {
		return err
	}
	o, err := Open(s, log)
	if err != nil {
		return err
	}
	where, err := url.Parse(to)
	if err != nil {
		return err
	}
	key, err := base64.StdEncoding.DecodeString(secretText[len("whsec_"):])
	if err != nil {
		return err
	}
	o.Use(NewWebhook(where, []tenant.Secret{tenant.NewSecret(key)}, "onbehalf/test", nil))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	o.Run(ctx)
	return nil
}

// TestKill: a daemon that is killed at any time between an answer and its note delivers each event at
// least once, and those of one tenant in order: who ignores ids that it had already sees them as they
// happened.
func TestKill(t *testing.T) {
	const events = 60
	dir := t.TempDir()
	f := newFixture(t, dir, hook(t, "http://127.0.0.1:1/"))
	for i := range events {
		f.Notice(f.about([]string{"a", "b", "c"}[i%3], fmt.Sprintf("%02d", i)))
	}
	f.close(t)
	r := newReceiver(t)
	runs := 0
	for ; runs < 6; runs++ {
		var out bytes.Buffer
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), killDir+"="+dir, "RECEIVER="+r.URL)
		child.Stdout, child.Stderr = &out, &out
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		// The first deliveries of a run are noted in the batch of a second later at the earliest.
		before := len(r.got())
		for deadline := time.Now().Add(20 * time.Second); len(r.got()) < before+7*(runs+1) && time.Now().Before(deadline); {
			if len(r.got()) > before && runs > 3 && time.Since(deadline.Add(-20*time.Second)) > 2*time.Second {
				break // the rest
			}
			time.Sleep(time.Millisecond)
		}
		if runs > 3 {
			time.Sleep(1500 * time.Millisecond) // for what is noted to be saved
		}
		child.Process.Kill()
		child.Wait()
		if strings.Contains(out.String(), "level=ERROR") {
			t.Errorf("run %d:\n%s", runs, &out)
		}
		if s := left(t, dir, r.URL); s.Queued == 0 {
			break
		}
	}
	seen := make(map[string]bool)
	order := make(map[string][]string)
	for _, one := range r.got() {
		if err := verify(secretText, one, time.Now()); err != nil {
			t.Error(err)
		}
		if !seen[one.id] {
			seen[one.id] = true
			order[one.tenant] = append(order[one.tenant], one.domain)
		}
	}
	if len(seen) != events {
		t.Errorf("%d of %d events arrived, in %d runs", len(seen), events, runs)
	}
	if len(r.got()) == events {
		t.Error("nothing came twice, so that no kill has hit what this is about")
	}
	for i, tenant := range []string{"a", "b", "c"} {
		for j, domain := range order[tenant] {
			if want := fmt.Sprintf("%02d", 3*j+i); domain != want {
				t.Errorf("of %s, number %d is %s, want %s", tenant, j, domain, want)
			}
		}
	}
}

// left returns what still waits.
func left(t *testing.T, dir, to string) Status {
	t.Helper()
	f := newFixture(t, dir, hook(t, to))
	defer f.close(t)
	return f.of(t, "webhook")
}
