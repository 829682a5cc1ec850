package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// process is a program under test, in a process group of its own.
type process struct {
	name    string
	socket  string
	command *exec.Cmd
}

// start runs a program until the bench ends, and waits until its socket takes connections.
func start(t testing.TB, name, socket string, args ...string) *process {
	t.Helper()
	p := &process{name: name, socket: socket, command: exec.Command(args[0], args[1:]...)}
	log, err := os.Create(socket + ".log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	p.command.Stdout, p.command.Stderr = log, log
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-p.command.Process.Pid, syscall.SIGTERM)
		p.command.Wait()
	})
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if c, err := converse(socket, mail{client: "127.0.0.1"}); err == nil {
			c.close()
			os.Chmod(socket, 0o666) // Postfix is another user
			return p
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("%s does not answer at %s\n%s", name, socket, text)
		}
	}
}

// group returns the processes of a process group.
func group(leader int) []int {
	var all []int
	paths, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range paths {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if fields := stat(pid); fields != nil && fields[2] == strconv.Itoa(leader) { // pgrp
			all = append(all, pid)
		}
	}
	return all
}

// stat returns what stands behind the name in the stat file of a process (proc_pid_stat(5)); nil: it
// is gone.
func stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// cpuOf returns the processor time that processes have taken, user and system. The clock of
// another process is named by its id (clock_getcpuclockid(3)).
func cpuOf(pids []int) time.Duration {
	var sum time.Duration
	for _, pid := range pids {
		var spent unix.Timespec
		if unix.ClockGettime(int32(^pid<<3|2), &spent) == nil {
			sum += time.Duration(spent.Nano())
		}
	}
	return sum
}

// tick is the unit of times in /proc.
const tick = 10 * time.Millisecond

func ticks(fields ...string) (sum time.Duration) {
	for _, field := range fields {
		n, _ := strconv.Atoi(field)
		sum += time.Duration(n) * tick
	}
	return sum
}

// childrenCPU returns the processor time of the children of a process that have ended.
func childrenCPU(pid int) time.Duration {
	fields := stat(pid)
	if fields == nil {
		return 0
	}
	return ticks(fields[13:15]...) // cutime, cstime
}

// hostCPU returns the processor time that all of the host has spent: user, nice, system, irq and
// softirq (proc_stat(5)).
func hostCPU() time.Duration {
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) < 8 {
		return 0
	}
	return ticks(fields[1:4]...) + ticks(fields[6:8]...)
}

// pids returns the processes of the program; none: it is a part of this one.
func (p *process) pids() []int {
	if p.command == nil {
		return nil
	}
	return group(p.command.Process.Pid)
}

func (p *process) cpu() time.Duration { return cpuOf(p.pids()) }

// peak returns the most memory that the program has had, in MB.
func (p *process) peak() float64 {
	kB := 0
	for _, pid := range p.pids() {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		_, rest, _ := strings.Cut(string(text), "VmHWM:")
		if fields := strings.Fields(rest); len(fields) > 0 {
			n, _ := strconv.Atoi(fields[0])
			kB += n
		}
	}
	return float64(kB) / 1024
}
