package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"onbehalf/admin"
)

// sendStrangers passes messages through that the daemon has nothing to do with, but to log them.
func (d *running) sendStrangers(n int) {
	d.t.Helper()
	c := d.converse()
	defer c.Close()
	for range n {
		c.ask('M', "<"+strings.Repeat("x", 100)+"@stranger.example>")
		c.ask('R', "<student@receiver.example>")
		c.ask('L', "From", " "+strings.Repeat("x", 100)+"@stranger.example, "+strings.Repeat("y", 100)+"@another.example")
		if code := c.ask('N'); code != 'y' {
			d.t.Fatalf("answered %c", code)
		}
		c.Write('A', nil)
	}
}

// droppedLines is how many the daemon says it has dropped.
func (d *running) droppedLines() int64 {
	var s admin.Status
	if err := admin.Ask("unix", d.folder+"/admin.sock", "/status", &s); err != nil {
		d.t.Fatal(err)
	}
	return s.Log.Dropped
}

// startUnread runs a daemon whose log nobody reads yet.
func startUnread(t *testing.T) (d *running, log *os.File) {
	t.Helper()
	folder := t.TempDir()
	if err := writeInstallation(folder); err != nil {
		t.Fatal(err)
	}
	unread, log, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unread.Close() })
	d = &running{t: t, folder: folder}
	d.command = exec.Command("onbehalf", "serve", "--config", folder+"/onbehalf.yaml")
	d.command.Env = append(os.Environ(), "ONBEHALF_LOG_FORMAT=json", "ONBEHALF_ADMIN=unix:"+folder+"/admin.sock", "ONBEHALF_SOCKETMAP=unix:"+folder+"/socketmap.sock")
	d.command.Stderr = log
	if err := d.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.command.Process.Kill() })
	log.Close()
	if !soon(func() bool { return answers(folder + "/admin.sock") }) {
		t.Fatal("it does not serve")
	}
	return d, unread
}

// stall sends messages through a daemon until its log has no more room, and returns how many.
func (d *running) stall(unread *os.File) (sent int) {
	d.t.Helper()
	unix.FcntlInt(unread.Fd(), unix.F_SETPIPE_SZ, 4096)
	if !soon(func() bool { d.sendStrangers(200); sent += 200; return d.droppedLines() > 0 }) {
		d.t.Fatal("nothing was dropped")
	}
	return sent
}

// TestLogThatNobodyReads: mail goes on, and no line is torn. When somebody reads again, a line says how
// many were dropped, which is all that are missing.
func TestLogThatNobodyReads(t *testing.T) {
	d, unread := startUnread(t)
	sent := d.stall(unread)
	if got := from(t, d.send("a@university.example")); got != "a@university.example" {
		t.Errorf("From: %s", got)
	}
	sent++
	_, out, _ := d.onbehalf("status", "--socket", "unix:"+d.folder+"/admin.sock")
	has(t, out, "Log ", "DROPPED, the last ", "because nobody read them")

	var messages, said int64
	lines := bufio.NewScanner(unread)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ Msg string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		if line.Msg == "message" {
			messages++
		}
		if n := int64(0); said == 0 {
			fmt.Sscanf(line.Msg, "%d log lines were dropped because nobody read them", &n)
			if said = n; n > 0 {
				d.command.Process.Signal(syscall.SIGTERM) // there are no more
			}
		}
	}
	if said == 0 || messages+said != int64(sent) {
		t.Errorf("%d messages, %d lines of them, %d said to be dropped", sent, messages, said)
	}
	if err := d.command.Wait(); err != nil {
		t.Error(err)
	}
}

// TestLogReaderGoesAway: mail goes on, and so does the end.
func TestLogReaderGoesAway(t *testing.T) {
	d, unread := startUnread(t)
	unread.Close()
	for range 20 {
		if got := from(t, d.send("a@university.example")); got != "a@university.example" {
			t.Errorf("From: %s", got)
		}
	}
	if !soon(func() bool { return d.droppedLines() >= 20 }) {
		t.Errorf("%d lines are said to be dropped", d.droppedLines())
	}
	d.command.Process.Signal(syscall.SIGTERM)
	if err := d.command.Wait(); err != nil {
		t.Error(err)
	}
}
