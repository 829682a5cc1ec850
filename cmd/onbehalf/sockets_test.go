package main

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// handOver runs the daemon with a socket of ours, as systemd does (sd_listen_fds(3)): the shell
// becomes the daemon, so its number is the daemon's.
func handOver(t *testing.T, names string, files ...*os.File) *running {
	t.Helper()
	return startCommand(t, func(config string) *exec.Cmd { return withSockets(config, names, files...) })
}

// withSockets is the daemon's command; names are separated by colons, as in LISTEN_FDNAMES.
func withSockets(config, names string, files ...*os.File) *exec.Cmd {
	command := exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=$3 LISTEN_FDNAMES="$1" exec onbehalf serve --config "$2"`, "sh", names, config, strconv.Itoa(len(files)))
	command.ExtraFiles = files
	return command
}

// inherit opens a socket that stays when a daemon ends.
func inherit(t *testing.T, path string) *os.File {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	file, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	t.Cleanup(func() { file.Close() })
	return file
}

// TestInheritedSocket: what systemd hands over is answered on, and nothing else is opened. A
// connection made while no daemon runs is answered by the next one.
func TestInheritedSocket(t *testing.T) {
	path := t.TempDir() + "/s"
	file := inherit(t, path)
	first := handOver(t, "onbehalf.socket", file)
	if !first.saysSoon(`listen=[unix:`+path+`]`) || !first.saysSoon("no process answers at a socket in listen") {
		t.Errorf("the log does not say where the daemon listens:\n%s", first.said())
	}
	if _, err := os.Stat(first.folder + "/milter.sock"); err == nil {
		t.Error("the socket in listen is opened too")
	}
	if got := from(t, first.sendTo(path, "a@university.example")); got != "a@university.example" {
		t.Errorf("From: %s", got)
	}
	first.command.Process.Signal(syscall.SIGTERM)
	if err := <-first.ended; err != nil {
		t.Fatal(err)
	}

	answered := make(chan string)
	go func() { answered <- from(t, first.sendTo(path, "a@university.example")) }()
	time.Sleep(50 * time.Millisecond) // it waits in the socket's queue
	handOver(t, "onbehalf.socket", file)
	select {
	case got := <-answered:
		if got != "a@university.example" {
			t.Errorf("From after the restart: %s", got)
		}
	case <-time.After(20 * time.Second):
		t.Error("a connection was lost over the restart")
	}
}

// TestInheritedAdmin: an admin socket that is handed over leaves listen as it is.
func TestInheritedAdmin(t *testing.T) {
	path := t.TempDir() + "/a"
	d := handOver(t, "admin", inherit(t, path))
	if got := from(t, d.send("a@university.example")); got != "a@university.example" {
		t.Errorf("From: %s", got)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte("GET /status HTTP/1.0\r\n\r\n"))
	answer := make([]byte, 15)
	if n, _ := conn.Read(answer); string(answer[:n]) != "HTTP/1.0 200 OK" {
		t.Errorf("the admin socket answers %q", answer[:n])
	}
}

// TestInheritedByName: what a socket is for is told by its name, in any order.
func TestInheritedByName(t *testing.T) {
	for _, names := range []string{"milter:socketmap:admin", "admin:milter:socketmap", "socketmap:admin:milter"} {
		t.Run(names, func(t *testing.T) {
			folder := t.TempDir()
			var files []*os.File
			for name := range strings.SplitSeq(names, ":") {
				files = append(files, inherit(t, folder+"/"+name))
			}
			d := handOver(t, names, files...)
			if got := from(t, d.sendTo(folder+"/milter", "a@university.example")); got != "a@university.example" {
				t.Errorf("From: %s", got)
			}
			if got := look(t, folder+"/socketmap", "transport *"); got != "NOTFOUND " {
				t.Errorf("the socketmap answers %q", got)
			}
			if !d.saysSoon("systemd hands over a socketmap socket, and socketmap is empty") {
				t.Errorf("the log does not say that nothing is found there:\n%s", d.said())
			}
		})
	}
}

// TestInheritedNames: what says nothing, or too much, is refused at start, by name.
func TestInheritedNames(t *testing.T) {
	for names, said := range map[string]string{
		"web":                        `is named "web", which says nothing; set FileDescriptorName= in its unit to milter, socketmap or admin`,
		"milter:":                    `which says nothing`,
		"milter:onbehalf-map.socket": `is named "onbehalf-map.socket", which says nothing`,
		"milter:socketmap:socketmap": `two sockets named "socketmap"`,
		"admin:milter:admin":         `two sockets named "admin"`,
	} {
		t.Run(names, func(t *testing.T) {
			folder := t.TempDir()
			if err := writeInstallation(folder); err != nil {
				t.Fatal(err)
			}
			var files []*os.File
			for i := range strings.Count(names, ":") + 1 {
				files = append(files, inherit(t, folder+"/s"+strconv.Itoa(i)))
			}
			out, err := withSockets(folder+"/onbehalf.yaml", names, files...).CombinedOutput()
			if err == nil || !strings.Contains(string(out), said) {
				t.Errorf("%v, want %q\n%s", err, said, out)
			}
		})
	}
}

// TestInheritedElsewhere: a socketmap socket in the configuration that is not the one which is handed
// over is named, with its own key and unit.
func TestInheritedElsewhere(t *testing.T) {
	path := t.TempDir() + "/s"
	t.Setenv("ONBEHALF_SOCKETMAP", "unix:/nowhere/socketmap.sock")
	d := handOver(t, "socketmap", inherit(t, path))
	if got := look(t, path, "transport *"); got != "NOTFOUND " {
		t.Errorf("the socketmap answers %q", got)
	}
	if !d.saysSoon("no process answers at a socket in socketmap") || !strings.Contains(d.said(), "ListenStream= of onbehalf-socketmap.socket") {
		t.Errorf("the log does not name the other socket:\n%s", d.said())
	}
}

// TestInheritedFile: what is no socket to accept at is refused at start.
func TestInheritedFile(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	folder := t.TempDir()
	if err := writeInstallation(folder); err != nil {
		t.Fatal(err)
	}
	out, err := withSockets(folder+"/onbehalf.yaml", "odd", file).CombinedOutput()
	if err == nil || !strings.Contains(string(out), `socket "odd", handed over by systemd, accepts no connections`) {
		t.Errorf("%v\n%s", err, out)
	}
}
