package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestManual holds examples and files against the commands that there are.
func TestManual(t *testing.T) {
	root := (&program{}).root()
	root.InitDefaultCompletionCmd()
	names := make(map[string]bool)
	for _, cmd := range root.Commands() {
		names[cmd.Name()] = true
		if cmd.IsAvailableCommand() && cmd.Name() != "completion" && cmd.Example == "" {
			t.Errorf("%s has no example", cmd.Name())
		}
	}
	for _, f := range files {
		for _, name := range f.of {
			if !names[name] {
				t.Errorf("%s: there is no command %s", f.path, name)
			}
		}
	}
	for name, text := range examples {
		found := false
		for line := range strings.Lines(text) {
			_, line, is := strings.Cut(line, "onbehalf ")
			if !is {
				continue
			}
			found = true
			line, _, _ = strings.Cut(line, " && ")
			cmd, rest, err := root.Find(strings.Fields(strings.Trim(line, ")\n")))
			if err != nil || cmd == root || !strings.HasPrefix(cmd.CommandPath(), "onbehalf "+name) {
				t.Errorf("%s: %q is another command: %v", name, line, err)
				continue
			}
			cmd.Flags().VisitAll(func(f *pflag.Flag) { f.Changed = false })
			if err := cmd.ParseFlags(rest); err != nil {
				t.Errorf("%s: %q: %v", name, line, err)
			} else if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
				t.Errorf("%s: %q: %v", name, line, err)
			} else if err := cmd.ValidateRequiredFlags(); err != nil {
				t.Errorf("%s: %q: %v", name, line, err)
			}
		}
		if !found {
			t.Errorf("%s: no line begins with onbehalf", name)
		}
	}
}

// TestManPages makes the source of each page: all have the sections that readers look for.
func TestManPages(t *testing.T) {
	folder := t.TempDir()
	if err := writeDocs((&program{}).root(), "../../docs/man/onbehalf.8.md", folder); err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(folder, "*.8.md"))
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		sections := []string{"NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "FILES", "SEE ALSO"}
		if filepath.Base(page) != "onbehalf.8.md" {
			sections = append(sections, "EXAMPLES")
		}
		for _, section := range sections {
			if !bytes.Contains(text, []byte("# "+section+"\n")) {
				t.Errorf("%s has no section %s", filepath.Base(page), section)
			}
		}
	}
}
