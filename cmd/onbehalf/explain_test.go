package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestExplainWaits: who names a pipe that nobody writes to yet, or forgets to name a file, is not
// left to guess what happens.
func TestExplainWaits(t *testing.T) {
	folder := t.TempDir()
	if err := writeInstallation(folder); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	const text = "From: someone@university.example\n\n"
	late := func(w io.Writer) {
		time.Sleep(patience + patience/2)
		io.WriteString(w, text)
	}
	reader, writer := io.Pipe()
	for name, c := range map[string]struct {
		file  string
		in    io.Reader
		write func()
		says  string
	}{
		"a pipe":         {pipe, nil, func() { file, _ := os.OpenFile(pipe, os.O_RDWR, 0); late(file); file.Close() }, "waiting for a message from " + pipe},
		"standard input": {"-", reader, func() { late(writer); writer.Close() }, "waiting for a message from standard input"},
		"at once":        {"-", strings.NewReader(text), func() {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out, talk bytes.Buffer
			go c.write()
			status := run([]string{"explain", "--config", folder + "/onbehalf.yaml", "--host", "mail.example", c.file}, c.in, &out, &talk)
			if status != 0 || !strings.Contains(talk.String(), c.says) || c.says == "" && strings.Contains(talk.String(), "waiting") {
				t.Errorf("status %d\n%s%s", status, &out, &talk)
			}
		})
	}
}
