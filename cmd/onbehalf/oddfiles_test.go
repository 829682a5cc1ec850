package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// oddFiles put something in the place of a file that is no file of ours.
var oddFiles = map[string]func(path string) error{
	"FIFO":   func(path string) error { return syscall.Mkfifo(path, 0o640) },
	"device": func(path string) error { return os.Symlink("/dev/zero", path) },
	"folder": func(path string) error { return os.MkdirAll(path+"/full", 0o750) },
	"huge": func(path string) error {
		return errors.Join(os.WriteFile(path, nil, 0o640), os.Truncate(path, 1<<40))
	},
}

// atOnce is what nothing that hangs keeps to, and all else does on a busy machine.
const atOnce = 10 * time.Second

// TestOddFiles: whatever stands in the place of a file that the configuration names, or of the
// configuration, start and reload are refused at once, with a cause.
func TestOddFiles(t *testing.T) {
	d := startServe(t)
	for _, place := range []string{"onbehalf.yaml", "tenants.d/a.yaml", "tenants.d", "keys/platform.pem", "srs.secrets"} {
		for kind, put := range oddFiles {
			path := filepath.Join(d.folder, place)
			if place == "tenants.d" && kind == "folder" {
				continue
			}
			aside := path + ".aside"
			os.Rename(path, aside)
			if err := put(path); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			out, err := exec.Command("onbehalf", "check-config", "--config", d.folder+"/onbehalf.yaml").CombinedOutput()
			if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), place) {
				t.Errorf("a %s as %s: %v: %s", kind, place, err, out)
			}
			d.command.Process.Signal(syscall.SIGHUP)
			d.hear("RELOADING=1")
			if status := d.hear("READY=1"); !strings.Contains(status, "refused") {
				t.Errorf("a %s as %s: the reload says %s", kind, place, status)
			}
			if took := time.Since(began); took > atOnce {
				t.Errorf("a %s as %s takes %s", kind, place, took)
			}
			os.RemoveAll(path)
			os.Rename(aside, path)
		}
	}
	if status := d.reload(d.config()); !strings.Contains(status, "STATUS=ok:") {
		t.Errorf("afterwards: %s", status)
	}
}

// TestOddStateFiles: whatever stands in the place of a file in state_dir, the daemon starts at once,
// and says so; what it cannot use it sets aside or leaves.
func TestOddStateFiles(t *testing.T) {
	for _, place := range []string{"state.db", "state.db.new", "standings.jsonl", "standings.jsonl.lock", "keys.checked", "keys.checked.new"} {
		for kind, put := range oddFiles {
			began := time.Now()
			d := launch(t, func(folder string) *exec.Cmd {
				if err := put(filepath.Join(folder, place)); err != nil {
					t.Fatal(err)
				}
				return exec.Command("onbehalf", "serve", "--config", folder+"/onbehalf.yaml")
			})
			d.hear("READY=1")
			if took := time.Since(began); took > atOnce {
				t.Errorf("a %s as %s: the start takes %s", kind, place, took)
			}
			d.send("a@university.example")
			if (place == "state.db" || place == "standings.jsonl") && !d.saysSoon("standings of the last run cannot be") {
				t.Errorf("a %s as %s is not reported", kind, place)
			}
			d.command.Process.Signal(syscall.SIGTERM)
			if err := d.endsSoon(); err != nil {
				t.Errorf("a %s as %s: %v", kind, place, err)
			}
		}
	}
}
