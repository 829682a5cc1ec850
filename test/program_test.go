package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// programAt names, in the environment, the program that was built, for the processes of apart.
const programAt = "TEST_PROGRAM"

// TestMain removes the program that was built.
func TestMain(m *testing.M) {
	inherited := os.Getenv(programAt) != ""
	status := m.Run()
	if path := os.Getenv(programAt); path != "" && !inherited {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(status)
}

// program returns the path of onbehalf, which is built once for all tests.
var program = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(programAt); path != "" {
		return path, nil
	}
	folder, err := os.MkdirTemp("", "onbehalf-built-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "onbehalf")
	os.Setenv(programAt, path)
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", path, "onbehalf/cmd/onbehalf").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// takeProgram puts the program into the folder of the premises.
func (p *premises) takeProgram() {
	p.t.Helper()
	p.binary = filepath.Join(p.folder, "onbehalf")
	path, err := program()
	if err == nil {
		err = os.Link(path, p.binary)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}
