package packaging

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"onbehalf/test/peer"
)

// base is a fresh Debian, as a tar file, in the making.
type base struct {
	file string
	made func() error // waits until it is there
}

// startBases makes one for each suite in the background, with a systemd and a Postfix.
func startBases(t *testing.T, work string) map[string]*base {
	bases := make(map[string]*base)
	for _, suite := range suites {
		bases[suite] = newBase(t, work, suite, suite, "systemd,systemd-sysv,dbus,postfix,iproute2,nsd")
		go bases[suite].made()
	}
	return bases
}

// newBase plans a base with some packages, as a file of some name. It comes from where this machine gets its own
// packages, with this machine's settings of how. Package lists stay, for apt.
func newBase(t *testing.T, work, name, suite, packages string) *base {
	b := &base{file: filepath.Join(work, name+".tar")}
	options := filepath.Join(work, name+"-apt.conf")
	command(t, "sh", "-euc", `apt-config dump | grep '^Acquire' >"$1"`, "sh", options)
	args := []string{"--quiet", "--variant=minbase", "--aptopt=" + options, "--skip=cleanup/apt/lists",
		"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=force-unsafe-io",
	}
	if packages != "" {
		args = append(args, "--include="+packages)
	}
	args = append(args, suite, b.file)
	args = append(args, sources(t, filepath.Join(work, name), suite)...)
	b.made = sync.OnceValue(func() error {
		out, err := try("mmdebstrap", args...)
		if err != nil {
			return fmt.Errorf("mmdebstrap: %w\n%s", err, out)
		}
		return nil
	})
	return b
}

// sources returns files with the package sources of a suite: this machine's own, with the name of
// its suite replaced.
func sources(t *testing.T, prefix, suite string) []string {
	t.Helper()
	var files []string
	own := strings.TrimSpace(command(t, "sh", "-c", `. /etc/os-release; echo "$VERSION_CODENAME"`))
	for _, name := range []string{"/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources"} {
		text, err := os.ReadFile(name)
		if err != nil || len(text) == 0 {
			continue
		}
		file := prefix + "-" + filepath.Base(name)
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), own, suite)), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// editions are the packages that a root meets: of one version, of a later one, and of an earlier
// one, in which the configuration was a conffile.
type editions struct{ old, next, conffile string }

// root is a Debian of its own, and how to run a command there.
type root struct {
	folder string
	enter  []string
}

// unpack makes a root from the base, with the packages in /root.
func (b *base) unpack(t *testing.T, packages editions) *root {
	t.Helper()
	if err := b.made(); err != nil {
		t.Fatal(err)
	}
	r := &root{folder: t.TempDir()}
	command(t, "tar", "-xf", b.file, "-C", r.folder, "--numeric-owner")
	command(t, "ln", "-sf", "/dev/null", filepath.Join(r.folder, "etc/systemd/system/nsd.service")) // the tests start it
	for name, deb := range map[string]string{"old.deb": packages.old, "next.deb": packages.next, "conffile.deb": packages.conffile} {
		command(t, "cp", deb, filepath.Join(r.folder, "root", name))
	}
	write(t, filepath.Join(r.folder, "root/library.sh"), string(read(t, "testdata/library.sh")), 0o644)
	return r
}

// plain gives a root without a running systemd. Each command has its own processes, which end
// with it, and its own network.
func (b *base) plain(t *testing.T, packages editions) *root {
	r := b.unpack(t, packages)
	r.enter = []string{"unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-euc",
		`mount -t proc proc "$0/proc"; ip link set lo up; exec chroot "$0" "$@"`, r.folder}
	return r
}

// boot gives a root that its own systemd has started.
func (b *base) boot(t *testing.T, packages editions) *root {
	t.Helper()
	r := b.unpack(t, packages)
	log, err := os.Create(r.folder + ".log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	// Without machined and a unit of its own: neither need be there.
	nspawn := exec.Command("systemd-nspawn", "--quiet", "-D", r.folder, "--boot", "--register=no", "--keep-unit",
		"--private-network", "--resolv-conf=off", "--console=pipe")
	nspawn.Stdout, nspawn.Stderr = log, log
	nspawn.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := nspawn.Start(); err != nil {
		t.Fatal(err)
	}
	go nspawn.Wait()
	nspawnID := strconv.Itoa(nspawn.Process.Pid)
	// The children first: the root's own first process, which would outlive nspawn, and with it all others there.
	peer.AtEnd(t, "sh", "-c", `kill -KILL $(cat "/proc/$1/task/$1/children" 2>/dev/null) "$1" 2>/dev/null
		while [ -e "/proc/$1" ]; do sleep 0.1; done`, "sh", nspawnID)
	for range 240 {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%s/task/%s/children", nspawnID, nspawnID))
		if first, _, _ := strings.Cut(string(children), " "); first != "" {
			r.enter = []string{"nsenter", "-t", first, "-a"}
			if out, _ := r.try("systemctl is-system-running"); strings.TrimSpace(out) == "running" {
				return r
			}
		}
		time.Sleep(250 * time.Millisecond)
	}
	said, _ := os.ReadFile(log.Name())
	t.Fatalf("the root does not come up in a minute:\n%s", said)
	return nil
}

// run runs a script in the root, whose every command must succeed, and gives what it says.
func (r *root) run(t *testing.T, script string) string {
	t.Helper()
	out, err := r.try(script)
	if err != nil {
		t.Fatalf("%v; the script:\n%s\nwhat it said:\n%s", err, script, out)
	}
	return out
}

func (r *root) try(script string) (string, error) {
	args := append(r.enter[1:len(r.enter):len(r.enter)], "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive",
		"HOME=/root", "LANG=C.UTF-8", "bash", "-euc", "cd /root; . ./library.sh\n"+script)
	return try(r.enter[0], args...)
}

// says fails unless a text has all the phrases.
func says(t *testing.T, text string, phrases ...string) {
	t.Helper()
	for _, phrase := range phrases {
		if !strings.Contains(text, phrase) {
			t.Errorf("it does not say %q:\n%s", phrase, text)
		}
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func write(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
