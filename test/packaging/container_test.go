package packaging

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"onbehalf/test/peer"
)

// containers is the example of docs/containers.md.
const containers = "../../docs/containers"

// testContainer carries out docs/containers/Dockerfile in a root without systemd, runs what it
// says by CMD as first process, and has it sign mail.
func testContainer(t *testing.T, work string, deb string) {
	b := newBase(t, work, "container", imageSuite(t), "")
	if err := b.made(); err != nil {
		t.Fatal(err)
	}
	r := &root{folder: t.TempDir()}
	command(t, "tar", "-xf", b.file, "-C", r.folder, "--numeric-owner")
	context := t.TempDir()
	command(t, "cp", "-a", containers+"/.", context)
	command(t, "cp", deb, filepath.Join(context, "onbehalf.deb"))
	// Images have this, so that nothing is started while they are built.
	write(t, filepath.Join(r.folder, "usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n", 0o755)
	write(t, filepath.Join(r.folder, "root/library.sh"), string(read(t, "testdata/library.sh")), 0o644)
	cmd := build(t, r.folder, context)
	for _, volume := range []string{"var/lib/onbehalf", "var/spool/postfix/onbehalf"} { // a new one is empty
		command(t, "rm", "-r", filepath.Join(r.folder, volume))
	}
	first := runContainer(t, r, cmd)

	t.Log("no systemd has come with it")
	r.run(t, `test ! -e /usr/bin/systemctl
		test ! -e /usr/lib/systemd/systemd
		test -e /usr/bin/systemd-sysusers`)

	t.Log("set up as docs/containers.md says, it signs, also after a crash and a reload")
	r.run(t, `mode "2750 onbehalf:postfix" /var/spool/postfix/onbehalf
		mode "2750 onbehalf:onbehalf-status" /run/onbehalf
		mode "750 onbehalf:onbehalf" /var/lib/onbehalf
		postconf -e myhostname=mail.courseware.nl mydestination=sink.example inet_protocols=ipv4
		useradd -m sink
		onbehalf setup --yes --apply --name Courseware --domain courseware.nl --sending-ip 80.84.235.70 --selector cw1,cw2 --spf-include none \
			>setup.log 2>&1 || fail "$(cat setup.log)"
		sed -i 's/mode: shadow/mode: enforce/' /etc/onbehalf/onbehalf.yaml
		sv restart onbehalf postfix
		load container 3
		arrived 3
		daemon() { cat /etc/sv/onbehalf/supervise/pid; }
		is onbehalf stat -c %U /proc/$(daemon)
		mode "660 onbehalf:postfix" /var/spool/postfix/onbehalf/milter.sock
		kill -KILL $(daemon)
		load crashed 1
		onbehalf check-config --reload && sv hup onbehalf
		load reloaded 1
		arrived 2
		onbehalf status >status
		grep -q "RSA by OpenSSL 3" status || fail "$(cat status)"`)

	if log := string(read(t, r.folder+".log")); strings.Contains(log, "fatal:") {
		t.Errorf("Postfix does not start again:\n%s", log)
	}

	t.Log("it ends by SIGTERM")
	if err := syscall.Kill(first, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range 600 {
		if syscall.Kill(first, 0) != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error("the container runs on a minute after SIGTERM")
}

// instruction is one of a Dockerfile, with its lines joined.
type instruction struct{ name, text string }

func instructions(t *testing.T) []instruction {
	t.Helper()
	var all []instruction
	text := strings.ReplaceAll(string(read(t, containers+"/Dockerfile")), "\\\n", " ")
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "" && !strings.HasPrefix(name, "#") {
			all = append(all, instruction{name, strings.TrimSpace(rest)})
		}
	}
	return all
}

// imageSuite returns the suite that FROM means.
func imageSuite(t *testing.T) string {
	t.Helper()
	from := instructions(t)[0]
	suite := map[string]string{"debian:12-slim": "bookworm", "debian:13-slim": "trixie"}[from.text]
	if from.name != "FROM" || suite == "" {
		t.Fatalf("%v is no Debian that is known here", from)
	}
	return suite
}

// build carries out the instructions in a root, and returns CMD.
func build(t *testing.T, folder, context string) (cmd []string) {
	t.Helper()
	for _, i := range instructions(t)[1:] {
		switch words := strings.Fields(i.text); {
		case i.name == "COPY" && len(words) == 2:
			command(t, "cp", "-a", filepath.Join(context, words[0])+suffix(t, context, words[0]), filepath.Join(folder, words[1]))
		case i.name == "RUN":
			command(t, "unshare", "--mount", "sh", "-euc", `mount -t proc proc "$0/proc"; exec chroot "$0" /bin/sh -ec "$1"`, folder, i.text)
		case i.name == "CMD":
			if err := json.Unmarshal([]byte(i.text), &cmd); err != nil {
				t.Fatal(err)
			}
		case i.name == "VOLUME", i.name == "EXPOSE":
		default:
			t.Fatalf("the Dockerfile has %v, which this test cannot carry out", i)
		}
	}
	return cmd
}

// suffix makes cp copy what is in a folder, not the folder, as COPY does.
func suffix(t *testing.T, context, name string) string {
	t.Helper()
	info, err := os.Stat(filepath.Join(context, name))
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		return "/."
	}
	return ""
}

// runContainer starts the command as the first process of its own, and returns its number.
func runContainer(t *testing.T, r *root, cmd []string) int {
	t.Helper()
	if len(cmd) == 0 {
		t.Fatal("the Dockerfile has no CMD")
	}
	log, err := os.Create(r.folder + ".log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	run := exec.Command("unshare", append([]string{"--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "sh", "-euc",
		`mount -t proc proc "$0/proc"; mount -t tmpfs tmpfs "$0/run"; ip link set lo up; exec chroot "$0" "$@"`, r.folder}, cmd...)...)
	run.Stdout, run.Stderr = log, log
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	go run.Wait()
	unshare := strconv.Itoa(run.Process.Pid)
	peer.AtEnd(t, "sh", "-c", `kill -KILL "$1" 2>/dev/null; while [ -e "/proc/$1" ]; do sleep 0.1; done`, "sh", unshare)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the container's log:\n%s", read(t, log.Name()))
		}
	})
	for range 300 {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%s/task/%s/children", unshare, unshare))
		first, _ := strconv.Atoi(strings.TrimSpace(string(children)))
		r.enter = []string{"nsenter", "-t", strconv.Itoa(first), "--mount", "--net", "--pid", "--ipc", "--root", "--wdns=/root"}
		if first != 0 {
			if _, err := r.try("[ -S /run/onbehalf/admin.sock ]"); err == nil {
				return first
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatal("the daemon does not come up in a minute")
	return 0
}
