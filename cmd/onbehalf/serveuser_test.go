package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"onbehalf/cmd/onbehalf/access"
	"onbehalf/config"
	"onbehalf/test/peer"
)

// openUp lets everybody enter a folder of the test's.
func openUp(t *testing.T, dir string) {
	t.Helper()
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// copyOfProgram returns a copy of the program that every user may run.
func copyOfProgram(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	openUp(t, folder)
	in, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	path := folder + "/onbehalf"
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// giveAway lets the group of a user read an installation, except for one file.
func giveAway(t *testing.T, folder string, who *access.User, except string) {
	t.Helper()
	openUp(t, folder)
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == folder || strings.HasSuffix(path, except) {
			return err
		}
		mode := map[fs.FileMode]fs.FileMode{0: 0o640, fs.ModeDir: 0o750, fs.ModeSocket: 0o660}[entry.Type()]
		if err := os.Chown(path, 0, int(who.GID)); err != nil {
			return err
		}
		return os.Chmod(path, mode)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRootBecomesTheUser: a daemon that root starts makes the folders that are missing, runs as its
// user, with no right and no group of root's, and reads as that user what a reload will read.
func TestRootBecomesTheUser(t *testing.T) {
	peer.NeedRoot(t)
	who, err := access.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	program := copyOfProgram(t)
	t.Setenv("ONBEHALF_ADMIN", "")
	d := launch(t, func(folder string) *exec.Cmd {
		text := strings.NewReplacer("state_dir: "+folder, "state_dir: "+folder+"/state/", folder+"/milter.sock", folder+"/spool/postfix/onbehalf/milter.sock").
			Replace(fmt.Sprintf(goodConfig, folder))
		if err := os.WriteFile(folder+"/onbehalf.yaml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		giveAway(t, folder, who, "university.pem") // a key that root may read
		return exec.Command("sh", "-c", `umask 022; exec "$0" serve --user nobody --config "$1/onbehalf.yaml"`, program, folder)
	})
	d.hear("READY=1")
	for _, line := range []string{
		"root has started the daemon, which goes on as its user\" user=nobody",
		"msg=\"made a folder\" folder=" + d.folder + "/spool/postfix/onbehalf mode=2750 user=nobody",
		"msg=\"made a folder\" folder=" + d.folder + "/state mode=750 user=nobody group=nogroup",
		"permission denied for user nobody",
	} {
		if !d.saysSoon(line) {
			t.Errorf("the log does not say %s", line)
		}
	}
	if strings.Contains(d.said(), "runs as root") {
		t.Error("it says that it is root")
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"Name:\tonbehalf\n", "Uid:\t65534\t65534\t65534\t65534\n", "Gid:\t65534\t65534\t65534\t65534\n", "Umask:\t0027\n", "CapEff:\t0000000000000000\n", "CapPrm:\t0000000000000000\n"} {
		if !strings.Contains(string(status), field) {
			t.Errorf("not %q:\n%s", field, status)
		}
	}
	postfix, err := os.Stat(d.folder + "/spool/postfix")
	if err != nil || postfix.Mode().Perm() != 0o755 || postfix.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("above the folder: %v, %v", postfix, err)
	}
	socket, err := os.Stat(d.folder + "/spool/postfix/onbehalf/milter.sock")
	if err != nil || socket.Mode().Perm() != 0o660 || socket.Sys().(*syscall.Stat_t).Uid != who.UID {
		t.Errorf("the socket: %v, %v", socket, err)
	}
	d.command.Process.Signal(syscall.SIGTERM)
	if err := <-d.ended; err != nil {
		t.Error(err)
	}
}

// TestServeAsWhom holds whom a daemon goes on as, and who is refused.
func TestServeAsWhom(t *testing.T) {
	peer.NeedRoot(t)
	for _, c := range []struct{ config, user, listenPID, want, refused string }{
		{config.DefaultFile, "nobody", "", "nobody", ""},
		{"/srv/onbehalf.yaml", "nobody", "", "nobody", ""},
		{"/srv/onbehalf.yaml", "", "", "", ""},
		{"/srv/onbehalf.yaml", "root", "", "", ""},
		{config.DefaultFile, "nobody", strconv.Itoa(os.Getpid()), "", ""}, // systemd's sockets
		{config.DefaultFile, "nobody", "1", "nobody", ""},                 // somebody else's
		{config.DefaultFile, "no-such-user", "", "", "--user: "},
	} {
		t.Setenv("LISTEN_PID", c.listenPID)
		who, err := (&program{config: c.config}).servingUser(c.user)
		got := ""
		if who != nil {
			got = who.Name
		}
		if got != c.want || (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
}

// TestServeAsAnotherWithoutRoot: only root becomes another user.
func TestServeAsAnotherWithoutRoot(t *testing.T) {
	peer.NeedRoot(t)
	command := exec.Command(copyOfProgram(t), "serve", "--user", "daemon")
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := command.CombinedOutput()
	if err == nil || command.ProcessState.ExitCode() != exitUsage || !strings.Contains(string(out), "only root can start the daemon as another user") {
		t.Errorf("%v: %s", err, out)
	}
}
