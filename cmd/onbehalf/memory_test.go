package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"onbehalf/milter/mta"
)

// TestBodyIsNotKept sends a message of 50 MB after many of a tenth of that: the
// daemon's peak resident memory, as the kernel counts it, moves by less than 1 MB.
// The smaller ones bring the heap to where garbage collection lets it stay; on a busy machine
// that is not always so, and another daemon gets its chance. One that kept the body would
// move by 50 MB each time. The daemon is built as it is shipped, for the race detector has
// memory of its own.
func TestBodyIsNotKept(t *testing.T) {
	program := filepath.Join(t.TempDir(), "onbehalf")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var moved []int
	for range 3 {
		if moved = append(moved, peakMoves(t, program)); moved[len(moved)-1] < 1000 {
			return
		}
	}
	t.Errorf("a message of 50 MB moved the peak by %d kB", moved)
}

// peakMoves gives by how many kB a message of 50 MB moves the peak of a daemon.
func peakMoves(t *testing.T, program string) int {
	t.Helper()
	d := startProgram(t, program)
	client, err := mta.Dial("unix", d.folder+"/milter.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	mail := letter("a@university.example")
	if err := client.Connect(mail); err != nil {
		t.Fatal(err)
	}
	send := func(body []byte) {
		t.Helper()
		mail.Body = body
		if result, err := client.Send(mail); err != nil || !result.Header.Has("DKIM-Signature") {
			t.Fatalf("%v %v", result, err)
		}
	}
	line := []byte(strings.Repeat("0123456789 ", 6) + "\r\n")
	for range 40 {
		send(bytes.Repeat(line, 5_000_000/len(line)))
	}
	before := d.peak()
	send(bytes.Repeat(line, 50_000_000/len(line)))
	moved := d.peak() - before
	t.Logf("peak resident memory %d kB, moved by %d kB", before, moved)
	return moved
}

// peak gives VmHWM in kB (proc_pid_status(5)).
func (d *running) peak() int {
	d.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.command.Process.Pid))
	if err != nil {
		d.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		d.t.Fatal(err)
	}
	return kB
}
