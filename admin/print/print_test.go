package print_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/tools/txtar"

	"onbehalf/admin"
	"onbehalf/admin/print"
	"onbehalf/events"
)

var update = flag.Bool("update", false, "write what is printed into the cases")

// TestMain lets everybody's clock show the same hour.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

// TestPrint prints the documents in testdata/*.txtar. A case has status.json,
// tenant.json, history.json, events.json or tests.json, and want, the text; -update writes that.
func TestPrint(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no case (%v)", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { checkCase(t, path) })
	}
}

func checkCase(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil || len(archive.Files) != 2 || archive.Files[1].Name != "want" {
		t.Fatalf("a case has a document and want (%v)", err)
	}
	var out bytes.Buffer
	switch document, want := archive.Files[0], &archive.Files[1]; {
	case document.Name == "status.json":
		print.Status(&out, decode[admin.Status](t, document.Data))
	case document.Name == "tenant.json":
		print.Tenant(&out, decode[admin.Tenant](t, document.Data))
	case document.Name == "history.json":
		print.History(&out, decode[admin.History](t, document.Data).Entries, false)
	case document.Name == "events.json":
		print.Events(&out, decode[events.Page](t, document.Data).Events)
	case document.Name == "tests.json":
		print.Tests(&out, decode[admin.Tests](t, document.Data).Tests)
	default:
		t.Fatal(want.Name)
	}
	checkLines(t, out.String())
	want := &archive.Files[1].Data
	if *update {
		*want = out.Bytes()
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if out.String() != string(*want) {
		t.Errorf("got:\n%s\nwant:\n%s", &out, *want)
	}
}

func decode[T any](t *testing.T, text []byte) (document T) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&document); err != nil {
		t.Fatal(err)
	}
	return document
}

// checkLines holds for all that is printed, whatever the document: no line does
// anything to a terminal.
func checkLines(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		for _, r := range strings.TrimSuffix(line, "\n") {
			if !unicode.IsPrint(r) {
				t.Errorf("%q holds %q", line, r)
			}
		}
	}
}

// FuzzPrint prints documents that nobody meant.
func FuzzPrint(f *testing.F) {
	f.Add(`{"version": "\u001b[2J", "problems": [{"domain": "x.example", "evidence": "a\r\nb\u009bc\u202ed"}], "problems_total": 1}`)
	f.Add(`{"id": "x", "name": "\u0007", "domains": [{"domain": "*.\u001b", "sign": ["\u0085"]}], "returned": {"messages": 1, "reports": {"\u001b": 1}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var s admin.Status
		var one admin.Tenant
		var out bytes.Buffer
		if json.Unmarshal([]byte(text), &s) == nil {
			print.Status(&out, s)
		}
		if json.Unmarshal([]byte(text), &one) == nil {
			print.Tenant(&out, one)
		}
		checkLines(t, out.String())
	})
}
