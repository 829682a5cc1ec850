package test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"onbehalf/test/postfix"
)

// clockFile is added to the program: a clock that jumps when a file says so. A static program
// takes its time from the kernel past all libraries, and the kernel has one clock for all that
// runs on it; so the program is built with a package time that adds the jump.
const clockFile = `package main

import (
	"os"
	"strconv"
	"time"
)

func init() {
	jump := func() {
		text, _ := os.ReadFile(os.Getenv("TEST_CLOCK"))
		seconds, _ := strconv.ParseInt(string(text), 10, 64)
		time.Jump.Store(seconds)
	}
	jump()
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			jump()
		}
	}()
}
`

// buildJumping builds the program with such a clock. The monotonic clock does not jump, as the
// kernel's does not.
func (f *faults) buildJumping() (binary string) {
	f.t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	f.must(err)
	original := filepath.Join(strings.TrimSpace(string(root)), "src/time/time.go")
	text, err := os.ReadFile(original)
	f.must(err)
	const asks = "	sec, nsec, mono := runtimeNow()\n	if mono == 0 {"
	if strings.Count(string(text), asks) != 1 {
		f.t.Fatalf("%s asks for the time in another way than this test knows", original)
	}
	changed := strings.Replace(string(text), asks, strings.Replace(asks, "\n", "\n	sec += Jump.Load()\n", 1), 1)
	changed = strings.Replace(changed, "import (", "import (\n	\"sync/atomic\"", 1) + "\n// Jump is in seconds.\nvar Jump atomic.Int64\n"
	folder, err := filepath.Abs("../cmd/onbehalf")
	f.must(err)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		original:                            f.write("time.go", changed),
		filepath.Join(folder, "jumping.go"): f.write("jumping.go", clockFile),
	}})
	f.must(err)
	binary = filepath.Join(f.folder, "jumping")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-overlay", f.write("overlay.json", string(overlay)), "-o", binary, "onbehalf/cmd/onbehalf").CombinedOutput()
	if err != nil {
		f.t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// write puts a file into the host's folder, and returns its path.
func (f *faults) write(name, text string) string {
	f.t.Helper()
	path := filepath.Join(f.folder, name)
	f.must(os.WriteFile(path, []byte(text), 0o600))
	return path
}

// clockJumps sets the clock 40 days ahead and back, and 40 days behind and back. Mail leaves as
// before, and addresses work whenever they were made, also after a restart.
func (f *faults) clockJumps() {
	good := f.binary
	f.stop()
	f.binary = f.buildJumping()
	f.t.Setenv("TEST_CLOCK", f.folder+"/clock")
	f.serve()
	f.well()
	address := f.bounceAddress()
	f.takesBounce("203.0.113.9", address)
	for _, days := range []int{40, -40} {
		f.jump(days)
		if got := f.deliver(); got.from() != own || len(got.signatures) != 1 { // receivers may not like a time that has not come
			f.t.Errorf("%d days: From %s, %d signatures", days, got.from(), len(got.signatures))
		}
		f.takesBounce("192.0.2.9", address)
		ofThen := f.bounceAddress()
		if ofThen == address {
			f.t.Errorf("%d days: the address is of today: %s", days, ofThen)
		}
		f.jump(0)
		f.takesBounce("203.0.113.9", address)
		f.takesBounce("203.0.113.9", ofThen)
		f.well()
	}
	f.stop()
	f.binary = good
	f.serve()
	f.takesBounce("203.0.113.9", address)
	f.well()
}

// jump puts the daemon's clock so many days from the right time.
func (f *faults) jump(days int) {
	f.t.Helper()
	f.must(os.Rename(f.write("clock.new", fmt.Sprint(days*24*3600)), f.folder+"/clock"))
	day := time.Now().AddDate(0, 0, days).UTC().Format("2006-01-02")
	f.await("the daemon's clock to be at "+day, func() bool {
		out, _, _ := f.run("status", "--json")
		return strings.Contains(out, `"now": "`+day)
	})
}

// bounceAddress is one that leads to the tenant's author.
func (f *faults) bounceAddress() string {
	f.t.Helper()
	out, talk, status := f.run("bounce", "encode", kept)
	if status != 0 {
		f.t.Fatal(talk)
	}
	return strings.TrimSpace(out)
}

// bounceTo hands in a bounce, as a receiver's server does.
func (f *faults) bounceTo(from, address string) postfix.Reply {
	f.t.Helper()
	client := postfix.Dial(f.t, f.postfix.SMTPAddr)
	client.XClient("ADDR=" + from)
	reply := client.Send("", []string{address}, []byte("From: MAILER-DAEMON@mx.receiver.example\r\nSubject: Undelivered\r\n\r\nNo such user.\r\n"))
	client.Do("QUIT")
	f.seen = append(f.seen, reply.String())
	return reply
}

// takesBounce hands in a bounce that must reach the author.
func (f *faults) takesBounce(from, address string) {
	f.t.Helper()
	if reply := f.bounceTo(from, address); !reply.OK() {
		f.t.Errorf("a bounce to %s is answered %s", address, reply)
		return
	}
	if to := f.sink.Wait(f.t, 1)[0].ForwardPaths; strings.Join(to, " ") != kept {
		f.t.Errorf("a bounce arrives at %q", to)
	}
}
