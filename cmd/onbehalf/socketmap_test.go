package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// look asks at a socketmap socket, as Postfix does (socketmap_table(5)).
func look(t *testing.T, socket, request string) string {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "%d:%s,", len(request), request)
	answer := make([]byte, 200)
	n, err := conn.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(strings.TrimSuffix(string(answer[:n]), ","), ":")
	return text
}

// startSocketmap runs a daemon that answers at socketmap.sock, with direct delivery for one tenant.
func startSocketmap(t *testing.T) *running {
	t.Helper()
	return startCommand(t, func(config string) *exec.Cmd {
		text, err := os.ReadFile(config)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(config, []byte(directConfig(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
		return exec.Command("onbehalf", "serve", "--config", config)
	})
}

func directConfig(config string) string {
	return strings.Replace(config, `socketmap: ""`, "socketmap: unix:socketmap.sock", 1) +
		"    direct: {domains: [university.example], next_hop: \"[mx.university.example]:25\", tls: encrypt}\n"
}

// TestServeSocketmap: tables are answered from what mail is decided by, through reloads that are
// taken and reloads that are refused, and after a kill.
func TestServeSocketmap(t *testing.T) {
	d := startSocketmap(t)
	socket := d.folder + "/socketmap.sock"
	const direct, hop = "transport x@university.example", "OK smtp:[mx.university.example]:25"
	ask := func(when, request, want string) {
		t.Helper()
		if got := look(t, socket, request); got != want {
			t.Errorf("%s: %s: %q, want %q", when, request, got, want)
		}
	}
	ask("at first", direct, hop)
	ask("at first", "tls_policy [mx.university.example]:25", "OK encrypt")
	ask("at first", "recipients postmaster@bounces.courseware.nl", "OK known")
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("socket: %v, %v", info.Mode(), err)
	}

	d.reload("platform: {}\n")
	ask("broken configuration", direct, hop)
	ask("broken configuration", "transport *", "NOTFOUND ")
	d.reload(strings.Replace(directConfig(d.config()), "authorization: authorized", "authorization: unauthorized", 1))
	ask("not authorized any more", direct, "NOTFOUND ")
	d.reload(directConfig(d.config()))
	ask("authorized again", direct, hop)

	d.command.Process.Kill()
	<-d.ended
	if _, err := net.Dial("unix", socket); err == nil {
		t.Error("a daemon that was killed answers")
	}
	again := exec.Command("onbehalf", "serve", "--config", d.folder+"/onbehalf.yaml")
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	defer again.Wait()
	defer again.Process.Signal(syscall.SIGTERM)
	if !soon(func() bool { return answers(socket) }) {
		t.Fatal("the next daemon does not answer")
	}
	ask("after a kill", direct, hop)
}

// TestServeWithoutSocketmap: that a socketmap cannot be opened is logged, and mail goes on.
func TestServeWithoutSocketmap(t *testing.T) {
	d := startCommand(t, func(config string) *exec.Cmd {
		return exec.Command("env", "ONBEHALF_SOCKETMAP=unix:/nowhere/socketmap.sock", "onbehalf", "serve", "--config", config)
	})
	if !d.saysSoon("no socketmap socket") || !strings.Contains(d.said(), "create /nowhere") {
		t.Errorf("the log does not say what is wrong:\n%s", d.said())
	}
	if got := from(t, d.send("a@university.example")); got != "a@university.example" {
		t.Errorf("From: %s", got)
	}
}
