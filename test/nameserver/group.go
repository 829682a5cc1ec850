package nameserver

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// group is the processes of one NSD: the one started and its descendants, which
// stay in its process group and outlive it when it is killed alone.
type group struct {
	leader *exec.Cmd // its process id is the group's number until it is waited for
	size   int       // how many processes, when none is about to replace another
}

// killGroup is a shell command for when the test is dead: it kills the group that
// a file names. No file, no group. It says -s because dash takes no -- after -KILL.
const killGroup = `[ ! -e "$0" ] || kill -s KILL -- "-$(cat "$0")"`

// run starts NSD, and notes its group for killGroup.
func (s *Server) run(t testing.TB) *group {
	t.Helper()
	log, err := os.OpenFile(s.file("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	leader := exec.Command(nsd, "-d", "-c", s.file("nsd.conf"))
	leader.Stdout, leader.Stderr = log, log
	leader.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := leader.Start(); err != nil {
		t.Fatal(err)
	}
	s.write(t, "group", strconv.Itoa(leader.Process.Pid))
	return &group{leader: leader}
}

func (g *group) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(-g.leader.Process.Pid, sig); err != nil {
		t.Fatalf("%v to the DNS server: %v", sig, err)
	}
}

func (g *group) signalLeader(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := g.leader.Process.Signal(sig); err != nil {
		t.Fatalf("%v to the DNS server: %v", sig, err)
	}
}

// stopped reports whether no process of the group runs, until SIGCONT.
func (g *group) stopped() bool {
	for _, p := range g.living() {
		if p.state != "T" {
			return false
		}
	}
	return true
}

func (g *group) gone() bool { return len(g.living()) == 0 }

// process is a row of proc(5)'s table.
type process struct {
	pid   string
	state string // T is stopped by a signal
}

// living lists the group's processes without those that ended and that nobody
// waited for: in a container there may be nobody.
func (g *group) living() []process {
	number := strconv.Itoa(g.leader.Process.Pid)
	var members []process
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		// pid (name) state parent group: the name may hold spaces and brackets
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if state := fields[0]; fields[2] == number && state != "Z" && state != "X" {
			members = append(members, process{filepath.Base(filepath.Dir(file)), state})
		}
	}
	return members
}
