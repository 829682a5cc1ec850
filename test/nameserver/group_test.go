package nameserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// naming lists the processes that name the server's directory on their command
// lines: those of NSD, and AtEnd's shell, which is to kill them. One that ended
// and that nobody waited for has no command line.
func naming(dir string) []string {
	var pids []string
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if line, _ := os.ReadFile(file); strings.Contains(string(line), dir+"/") {
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids
}

func TestServerIsGoneAfterTheTest(t *testing.T) {
	states := map[string]func(*Server, testing.TB){
		"Start": func(*Server, testing.TB) {},
		"Restore": func(s *Server, t testing.TB) {
			s.Stop(t)
			s.Restore(t)
		},
	}
	for name, outage := range outages {
		states[name] = outage.begin
	}
	for name, begin := range states {
		var dir string
		t.Run(name, func(t *testing.T) {
			s := Start(t)
			dir = s.dir
			if pids := naming(dir); len(pids) < 3 {
				t.Errorf("found processes %v, NSD alone has 3", pids)
			}
			begin(s, t)
		})
		if pids := naming(dir); len(pids) > 0 {
			t.Errorf("%s: processes %v are left", name, pids)
		}
	}
}

func TestStopLeavesNoProcess(t *testing.T) {
	s := Start(t)
	members := s.nsd.living()
	s.Stop(t)
	for _, p := range members {
		if line, _ := os.ReadFile("/proc/" + p.pid + "/cmdline"); strings.Contains(string(line), s.dir) {
			t.Errorf("process %s is left: %q", p.pid, line)
		}
	}
}

// The test runs itself in a process that dies with a server that cannot act on
// signals.
func TestServerIsGoneWhenTheTestDies(t *testing.T) {
	const dying = "NAMESERVER_TEST_DIES"
	if os.Getenv(dying) != "" {
		s := Start(t)
		s.Hang(t)
		fmt.Println("dir", s.dir, len(naming(s.dir)))
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	test := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	test.Env = append(os.Environ(), dying+"=yes", "TMPDIR="+t.TempDir())
	output, _ := test.CombinedOutput()
	var dir string
	var processes int
	if _, err := fmt.Sscanf(string(output), "dir %s %d\n", &dir, &processes); err != nil || processes < 3 {
		t.Fatalf("no server started: %v\n%s", err, output)
	}
	end := time.Now().Add(patience)
	for len(naming(dir)) > 0 && time.Now().Before(end) {
		time.Sleep(10 * time.Millisecond)
	}
	if pids := naming(dir); len(pids) > 0 {
		t.Errorf("processes %v are left", pids)
	}
}
