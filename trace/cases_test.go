package trace

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write what is found into the cases")

// TestCases looks for messages in the logs in testdata. What each must say stands in its comment.
func TestCases(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) < 15 {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { checkCase(t, path) })
	}
}

// written is when the files of the cases were: it follows for stamps without a year.
var written = time.Date(2027, 1, 1, 6, 0, 0, 0, time.UTC)

func checkCase(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, f := range archive.Files {
		files[f.Name] = string(f.Data)
	}
	var got strings.Builder
	for query := range strings.Lines(files["queries"]) {
		found := lookFor(t, strings.TrimSpace(query), files)
		fmt.Fprintf(&got, "? %s", query)
		print(&got, found)
	}
	if got.String() == files["found"] {
		return
	}
	if *update {
		if last := len(archive.Files) - 1; archive.Files[last].Name == "found" {
			archive.Files = archive.Files[:last]
		}
		archive.Files = append(archive.Files, txtar.File{Name: "found", Data: []byte(got.String())})
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("found:\n%s\nwant:\n%s", &got, files["found"])
}

func lookFor(t *testing.T, text string, files map[string]string) Result {
	t.Helper()
	q, err := ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	var sources []Source
	for _, name := range []string{"log", "onbehalf", "second"} {
		if text, found := files[name]; found {
			sources = append(sources, Source{Name: name, In: strings.NewReader(text), End: written})
		}
	}
	return Search(q, Options{Copy: strings.TrimSpace(files["copy"])}, sources...)
}

// print writes what people see first.
func print(b *strings.Builder, r Result) {
	for _, text := range r.Holes {
		fmt.Fprintf(b, "hole: %s\n", text)
	}
	for _, text := range r.Notes {
		fmt.Fprintf(b, "note: %s\n", text)
	}
	for _, s := range r.Stories {
		fmt.Fprintf(b, "%s %s %s\n    %s\n", s.Time.UTC().Format("2006-01-02 15:04:05"), s.QueueIDs, s.MessageID, s.Answer)
		for _, text := range s.Notes {
			fmt.Fprintf(b, "    note: %s\n", text)
		}
	}
}
