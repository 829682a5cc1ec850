package arrows

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mayAsk are the files of authorize that may ask DNS or a clock: what observes, and the watch. In
// all others, and in publish, an answer of DNS is something that was observed, and time a value.
var mayAsk = []string{
	"observe.go", "observer.go",
	"watch.go", "schedule.go", "generation.go", "seen.go", "outage.go", "saving.go", "store.go", "status.go",
}

// TestOneAsks looks for other files that ask.
func TestOneAsks(t *testing.T) {
	looked := 0
	for _, folder := range []string{"authorize", "authorize/publish"} {
		paths, err := filepath.Glob(filepath.Join("..", "..", folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			name := filepath.Base(path)
			if strings.HasSuffix(name, "_test.go") || folder == "authorize" && slices.Contains(mayAsk, name) {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			looked++
			for _, asks := range []string{"time.Now(", "time.Since(", "resolve.Asker", "resolve.Client", "resolve.New", "context.Background("} {
				if strings.Contains(string(text), asks) {
					t.Errorf("%s has %s: it goes by what was observed, and by the time that it is given", filepath.Join(folder, name), asks)
				}
			}
		}
	}
	if looked < 30 {
		t.Errorf("only %d files: the test looks at the wrong place", looked)
	}
}
