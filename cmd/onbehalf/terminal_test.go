package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal returns a terminal, and what it shows. What is typed there is the end of the input.
func openTerminal(t *testing.T, columns uint16) (terminal *os.File, shown func() string) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	const endOfInput = "\x04" // ^D
	if _, err := io.WriteString(screen, endOfInput); err != nil {
		t.Fatal(err)
	}
	all := make(chan []byte)
	go func() {
		text, _ := io.ReadAll(screen) // it ends with EIO
		all <- text
	}()
	return terminal, func() string { terminal.Close(); return string(<-all) }
}

// TestShowsHowFar: check of all tenants says on a terminal how far it is, and in the end
// how many lack something; dns says that it waits. A pipe gets the results alone.
func TestShowsHowFar(t *testing.T) {
	const many = 30
	t.Setenv("ONBEHALF_DNS_MAX_PER_SECOND", "10000") // else a thousand tenants take minutes
	config := install(t, serveZone(t, "mail.courseware.nl A 80.84.235.70\n"), "", "")
	var tenants strings.Builder
	tenants.WriteString("tenants:\n")
	for i := range many {
		fmt.Fprintf(&tenants, "  - {id: school%d, domains: [school%d.example]}\n", i, i)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(config), "tenants.d", "many.yaml"), []byte(tenants.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string][]string{
		"check --brief --problems": {"looking up the platform ...", "looking up tenant 1 of 32, ", fmt.Sprintf("looking up tenant %d of %[1]d, school29 ...", many+2)},
		"dns school7":              {"looking up DNS, for "},
	} {
		terminal, shown := openTerminal(t, 80)
		var out bytes.Buffer
		begun := time.Now()
		run(append(strings.Fields(command), "--config", config), nil, &out, terminal)
		screen := shown()
		t.Logf("%s: %.1f s", command, time.Since(begun).Seconds())
		for _, text := range want {
			if !strings.Contains(screen, text) {
				t.Errorf("%s: the terminal does not show %q, but %q", command, text, screen)
			}
		}
		if strings.Contains(out.String(), "looking up ") {
			t.Errorf("%s: the results have it too:\n%s", command, &out)
		}
		var talk bytes.Buffer
		run(append(strings.Fields(command), "--config", config), nil, io.Discard, &talk)
		if strings.Contains(talk.String(), "looking up") {
			t.Errorf("%s: a pipe gets it:\n%s", command, &talk)
		}
		if strings.HasPrefix(command, "check") && !strings.Contains(strings.Join(strings.Fields(out.String()), " "), "tenants 32 all published ") {
			t.Errorf("no summary:\n%s", out.String()[max(0, out.Len()-500):])
		}
	}
}

// TestPromptsFitTheTerminal: setup asks in lines that a narrow terminal has room for.
func TestPromptsFitTheTerminal(t *testing.T) {
	const columns = 50
	t.Setenv("MAIL_CONFIG", t.TempDir())
	t.Setenv("ONBEHALF_DNS_SERVERS", "127.0.0.1:1")
	folder := t.TempDir()
	terminal, shown := openTerminal(t, columns)
	status := run([]string{"setup", "--config", folder + "/onbehalf.yaml", "--domain", "courseware.nl", "--sending-ip", "80.84.235.70"}, terminal, io.Discard, terminal)
	screen := strings.ReplaceAll(shown(), "\r\n", "\n")
	if status != exitNo || !strings.Contains(screen, "Name of the platform") || !strings.Contains(screen, "left; nothing more was done") {
		t.Errorf("status %d: %q", status, screen)
	}
	for line := range strings.Lines(screen) {
		if len(strings.TrimRight(line, "\n")) > columns {
			t.Errorf("%q is wider than %d", line, columns)
		}
	}
}
