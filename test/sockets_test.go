package test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onbehalf/milter"
	"onbehalf/socket"
	"onbehalf/test/cases"
	"onbehalf/test/postfix"
)

// envelope says MAIL and RCPT.
func envelope(t *testing.T, client *postfix.Client, c cases.Case) {
	t.Helper()
	for _, command := range []string{"MAIL FROM:" + c.Message.Envelope.ReversePath.String(), "RCPT TO:" + c.Message.Envelope.ForwardPaths[0].String()} {
		if reply := client.Do(command); !reply.OK() {
			t.Fatalf("%s: %s", command, reply)
		}
	}
}

// restart ends the milter as SIGTERM does, and lets the next one serve at the same socket.
func (h *house) restart(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := h.server.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	h.server = &milter.Server{
		Current: h.server.Current, Now: h.server.Now,
		Log: slog.New(slog.NewTextHandler(&h.log, nil)),
	}
	listener, err := socket.Listen("unix", filepath.Join(h.postfix.QueueDir, "onbehalf", "milter.sock"))
	if err != nil {
		t.Fatal(err)
	}
	go h.server.Serve(listener)
}

// TestRestartAmidSessions: clients that are idle behind RCPT, within DATA or between messages hold up
// nothing. What they then hand in is deferred, and arrives signed, once, when they send it again.
func TestRestartAmidSessions(t *testing.T) {
	h := build(t)
	c := find(t, "row02")
	h.play(c)
	behindRCPT, withinDATA, between := h.dial(t, c.Message), h.dial(t, c.Message), h.dial(t, c.Message)
	envelope(t, behindRCPT, c)
	envelope(t, withinDATA, c)
	if reply := withinDATA.Do("DATA"); reply.Code != 354 {
		t.Fatal(reply)
	}
	if reply := send(between, c.Message, c.Octets()); !reply.OK() {
		t.Fatal(reply)
	}
	h.compare(t, take(t, h.sink.Wait(t, 1)[0]), c.Message, c.Body)

	before := time.Now()
	h.restart(t)
	if log := h.log.String(); !strings.Contains(log, "messages were cut before the end of their header") || !strings.Contains(log, "messages=2") {
		t.Errorf("the log says %s", log)
	}
	if took := time.Since(before); took > 10*time.Second {
		t.Errorf("the end took %v", took)
	}
	for name, reply := range map[string]postfix.Reply{
		"behind RCPT":      behindRCPT.Data(c.Octets()),
		"within DATA":      withinDATA.Do(string(c.Octets()) + "\r\n."),
		"between messages": send(between, c.Message, c.Octets()),
	} {
		if reply.Code != 451 {
			t.Errorf("%s: answered %s, want 451", name, reply)
		}
	}
	for range 3 { // as a client does that was asked to come again
		if reply := send(h.dial(t, c.Message), c.Message, c.Octets()); !reply.OK() {
			t.Fatal(reply)
		}
	}
	for _, arrived := range h.sink.Wait(t, 3) {
		h.compare(t, take(t, arrived), c.Message, c.Body)
	}
	if more := h.sink.Arrived(); len(more) > 0 || strings.TrimSpace(h.postfix.Queue(t)) != "" {
		t.Errorf("%d more arrived, and in the queue is %s", len(more), h.postfix.Queue(t))
	}
}

// TestFullOfSessions: while all connections are within a message, the mail of others is deferred, and
// theirs goes on. A session that is idle gives way, and its next message is deferred.
func TestFullOfSessions(t *testing.T) {
	h := buildServing(t, "", postfix.Options{}, milter.Limits{Connections: 2})
	c := find(t, "row02")
	h.play(c)
	first := h.dial(t, c.Message)
	envelope(t, first, c)
	second := h.dial(t, c.Message)
	envelope(t, second, c)
	for range 3 {
		if reply := send(h.dial(t, c.Message), c.Message, c.Octets()); reply.Code != 451 {
			t.Fatalf("answered %s, want 451", reply)
		}
	}
	if reply := first.Data(c.Octets()); !reply.OK() {
		t.Fatal(reply)
	}
	third := h.dial(t, c.Message)
	if reply := send(third, c.Message, c.Octets()); !reply.OK() {
		t.Errorf("in the place of one that is idle: %s", reply)
	}
	if reply := second.Data(c.Octets()); !reply.OK() {
		t.Errorf("the message that was under way all the time: %s", reply)
	}
	if reply := send(first, c.Message, c.Octets()); reply.Code != 451 {
		t.Errorf("a session that gave way: %s", reply)
	}
	for _, arrived := range h.sink.Wait(t, 3) {
		h.compare(t, take(t, arrived), c.Message, c.Body)
	}
	if more := h.sink.Arrived(); len(more) > 0 {
		t.Errorf("%d more arrived", len(more))
	}
}

// TestSocketFileRemoved: when somebody removes the file of the socket, mail is deferred for seconds, and
// then goes on, signed.
func TestSocketFileRemoved(t *testing.T) {
	h := build(t)
	c := find(t, "row02")
	h.play(c)
	path := filepath.Join(h.postfix.QueueDir, "onbehalf", "milter.sock")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	reply := send(h.dial(t, c.Message), c.Message, c.Octets())
	for ; !reply.OK(); reply = send(h.dial(t, c.Message), c.Message, c.Octets()) {
		if reply.Code != 451 || time.Now().After(deadline) {
			t.Fatalf("answered %s", reply)
		}
		time.Sleep(200 * time.Millisecond)
	}
	h.compare(t, take(t, h.sink.Wait(t, 1)[0]), c.Message, c.Body)
	if !strings.Contains(h.log.String(), "a socket file was removed, and was created again") {
		t.Errorf("the log says %s", h.log.String())
	}
}
