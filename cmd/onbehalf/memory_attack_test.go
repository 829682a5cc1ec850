package main

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"onbehalf/milter/mta"
)

// attack is what one peer sends to make the daemon keep much, after Connect. It then says
// nothing more.
type attack func(c *mta.Client) error

// mailFrom begins a message.
func mailFrom(c *mta.Client) error { return c.Write('M', []byte("<a@evil.example>\x00")) }

// frames sends one frame again and again.
func frames(times int, command byte, data string) attack {
	return func(c *mta.Client) error {
		if err := mailFrom(c); err != nil {
			return err
		}
		if _, _, err := c.Ask('R', "<postmaster@bounces.courseware.nl>"); err != nil {
			return err
		}
		one := append([]byte{byte((len(data) + 1) >> 24), byte((len(data) + 1) >> 16), byte((len(data) + 1) >> 8), byte(len(data) + 1), command}, data...)
		return c.WriteRaw(bytes.Repeat(one, times))
	}
}

var attacks = map[string]attack{
	"many tiny fields": frames(300_000, 'L', "A\x00\x00"),
	"few long fields":  frames(4, 'L', "A\x00"+strings.Repeat("x", 250_000)+"\x00"),
	"folds":            frames(4, 'L', "To\x00"+strings.Repeat("a\n ", 80_000)+"\x00"),
	"NULs behind MAIL": func(c *mta.Client) error {
		return c.Write('M', append([]byte("<a@evil.example>"), make([]byte, 260_000)...))
	},
	"long sender": func(c *mta.Client) error { return c.Write('M', []byte("<"+strings.Repeat("a", 250_000)+">\x00")) },
	"long macros": func(c *mta.Client) error { return c.Write('D', []byte("M"+strings.Repeat("a\x00", 100_000))) },
	"stalls in a frame": func(c *mta.Client) error {
		return c.WriteRaw(append([]byte{0, 3, 0xff, 0xff, 'M'}, make([]byte, 250_000)...))
	},
	"many recipients":    recipients(3_000, "a%d@b.example"),
	"long recipients":    recipients(60, strings.Repeat("a", 60_000)+"%d@b.example"),
	"bounces recipients": recipients(2_000, "postmaster@bounces.courseware.nl"),
	"long body":          wholeThen(strings.Repeat("x", 65_000)),
}

func recipients(n int, pattern string) attack {
	return func(c *mta.Client) error {
		if err := mailFrom(c); err != nil {
			return err
		}
		for i := range n {
			to := pattern
			if strings.Contains(pattern, "%d") {
				to = fmt.Sprintf(pattern, i)
			}
			if _, _, err := c.Ask('R', "<"+to+">"); err != nil {
				return err
			}
		}
		return nil
	}
}

// wholeThen sends a header and the beginning of a body.
func wholeThen(body string) attack {
	return func(c *mta.Client) error {
		if err := frames(100, 'L', "Subject\x00"+strings.Repeat("y", 5000)+"\x00")(c); err != nil {
			return err
		}
		if _, _, err := c.Ask('N'); err != nil {
			return err
		}
		return c.Write('B', []byte(body))
	}
}

// TestMemoryIsBounded: whatever many peers send and leave unfinished, and all of it at once,
// the daemon's peak resident memory stays below limits.memory + 150 MB, and it lives.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("sends gigabytes")
	}
	program := filepath.Join(t.TempDir(), "onbehalf")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const budget = 64 << 10 // kB
	t.Setenv("ONBEHALF_LIMITS_MEMORY", fmt.Sprintf("%dKiB", budget))
	t.Setenv("ONBEHALF_LOG_LEVEL", "error")
	mixed := func(i int) attack {
		for _, one := range attacks {
			if i--; i < 0 {
				return one
			}
		}
		return attacks["folds"]
	}
	tries := map[string]func(i int) attack{"all at once": func(i int) attack { return mixed(i % len(attacks)) }}
	for name, one := range attacks {
		tries[name] = func(int) attack { return one }
	}
	for name, one := range tries {
		t.Run(name, func(t *testing.T) {
			d := startProgram(t, program)
			attackers := besiege(t, d, 300, one)
			peak := d.peak()
			t.Logf("peak resident memory %d kB", peak)
			if peak > budget+150_000 {
				t.Errorf("peak resident memory %d kB, want less than %d", peak, budget+150_000)
			}
			for _, c := range attackers {
				c.Close()
			}
			if !soon(func() bool { return d.signs() }) {
				t.Errorf("it does not work any more:\n%s", d.said())
			}
		})
	}
}

// signs reports whether a good message comes out signed.
func (d *running) signs() bool {
	client, err := mta.Dial("unix", d.folder+"/milter.sock")
	if err != nil {
		return false
	}
	defer client.Close()
	mail := letter("a@university.example")
	if client.Connect(mail) != nil {
		return false
	}
	result, err := client.Send(mail)
	return err == nil && result.Header.Has("DKIM-Signature")
}

// besiege connects many peers, each of which does its worst, and waits until they have.
func besiege(t *testing.T, d *running, peers int, one func(i int) attack) []*mta.Client {
	t.Helper()
	var all []*mta.Client
	var done sync.WaitGroup
	mail := letter("a@evil.example")
	gate := make(chan bool, 40)
	for i := range peers {
		client, err := mta.Dial("unix", d.folder+"/milter.sock")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		all = append(all, client)
		done.Go(func() {
			gate <- true
			defer func() { <-gate }()
			if client.Connect(mail) == nil {
				err := one(i)(client) // that the daemon closes the connection is an answer, too
				if err != nil && err != io.EOF {
					return
				}
			}
		})
	}
	finished := make(chan bool)
	go func() { done.Wait(); close(finished) }()
	select {
	case <-finished:
	case <-time.After(90 * time.Second):
		t.Fatal("the attackers are not done after 90 s")
	}
	time.Sleep(200 * time.Millisecond) // what is in the socket is read
	return all
}
