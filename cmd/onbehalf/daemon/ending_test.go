package daemon

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be a daemon that loads for ever.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"onbehalf-loading": loadsForEver})
}

// TestTermWhileLoading: what does not serve yet ends at once.
func TestTermWhileLoading(t *testing.T) {
	loading := exec.Command("onbehalf-loading")
	out, err := loading.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := loading.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 1))
	loading.Process.Signal(syscall.SIGTERM)
	ended := make(chan error, 1)
	go func() { ended <- loading.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		loading.Process.Kill()
		t.Error("did not end")
	}
}

// loadsForEver is a daemon that never comes to serve.
func loadsForEver() {
	d := &daemon{options: Options{Log: os.Stderr}}
	d.awaitEnd()
	os.Stdout.Write([]byte("x"))
	select {}
}
