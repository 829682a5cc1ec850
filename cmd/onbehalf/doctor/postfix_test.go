package doctor

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// TestReplaced: a process whose program was replaced, as a package manager does it, is not one that
// runs what is on disk.
func TestReplaced(t *testing.T) {
	program := filepath.Join(t.TempDir(), "master")
	text, err := os.ReadFile("/bin/sleep")
	if err == nil {
		err = os.WriteFile(program, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	running := exec.Command(program, "60")
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { running.Process.Kill(); running.Wait() }()
	pid := strconv.Itoa(running.Process.Pid)
	if replaced(pid) {
		t.Error("a program that is there was replaced")
	}
	if err := os.WriteFile(program+".new", text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(program+".new", program); err != nil {
		t.Fatal(err)
	}
	if !replaced(pid) {
		t.Error("a program that was replaced is not seen")
	}
	if replaced("0") {
		t.Error("a process that is none was replaced")
	}
}
