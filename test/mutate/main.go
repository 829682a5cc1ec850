// Mutate changes one condition of the program at a time, runs the tests of its package, and lists
// the changes that no test notices: the survivors. Each is a rule that could be lost unseen, or
// a change that makes no difference; those stand in equivalent.txt with the reason.
//
//	go run ./test/mutate              # all targets: hours of CPU
//	go run ./test/mutate srs dmarc    # some of them
//	go run ./test/mutate -quick rewrite/facts.go    # one file, by the tests that find most
//
// Nothing in the tree is changed: the compiler reads the mutant through an overlay. Exit status 1:
// there are survivors that equivalent.txt does not list, or lines in it that fit nothing.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// target is a package, or some files of it, and how its tests are run.
type target struct {
	name  string
	files []string // patterns, or names of files
	quick string   // tests that kill most, run first; empty: all at once

	isQuick bool // run no others
}

var targets = []target{
	{name: "srs", files: []string{"srs/*.go"}},
	{name: "dmarc", files: []string{"dmarc/*.go"}},
	{name: "rewrite", files: []string{"rewrite/*.go"}, quick: "TestCases|TestOwn|TestHost|TestProven|TestSibling|TestForwarded|TestLoop|TestShadow|TestLookAlikes"},
	{name: "milter", files: []string{"milter/returns.go"}, quick: "Return|DSN|Notification"},
	{name: "authorize", files: []string{"authorize/state.go"}, quick: "Step|Apply|Fit|Interval|State"},
}

const (
	parallel = 2
	patience = 3 * time.Minute // for the tests of one mutant; who takes longer is killed, and noticed
)

//go:embed equivalent.txt
var equivalentText string

func main() {
	quick := flag.Bool("quick", false, "run only the tests that find most; what survives may still be noticed by the others")
	flag.Parse()
	if err := run(flag.Args(), *quick); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(names []string, quick bool) error {
	known, err := readEquivalents(equivalentText)
	if err != nil {
		return err
	}
	failed := false
	for _, t := range targets {
		if t = t.among(names); len(t.files) == 0 {
			continue
		}
		t.isQuick = quick
		mutants, err := t.mutants()
		if err != nil {
			return err
		}
		survivors, unviable := t.survivors(mutants)
		var unknown []mutant
		used := make(map[string]bool)
		for _, m := range survivors {
			if known[m.key()] == "" {
				unknown = append(unknown, m)
			}
			used[m.key()] = true
		}
		fmt.Printf("%s: %d mutants, %d do not compile, %d survive, %d of them equivalent\n",
			t.name, len(mutants), unviable, len(survivors), len(survivors)-len(unknown))
		for _, m := range unknown {
			fmt.Printf("  %s:%d: %s\n", m.file, m.line, m.key())
		}
		for key := range known {
			if fits(t, key) && !used[key] {
				fmt.Printf("  equivalent.txt: no survivor is: %s\n", key)
				failed = true
			}
		}
		failed = failed || len(unknown) > 0
	}
	if failed {
		return fmt.Errorf("there are survivors")
	}
	return nil
}

// among is the part of a target that is named, by its own name or a file's; of no names, all.
func (t target) among(names []string) target {
	if len(names) == 0 || slices.Contains(names, t.name) {
		return t
	}
	var some []string
	for _, name := range names {
		if fits(t, name) {
			some = append(some, name)
		}
	}
	t.files = some
	return t
}

// fits reports whether a key in equivalent.txt, or the name of a file, is of the target.
func fits(t target, key string) bool {
	file, _, _ := strings.Cut(key, ": ")
	return slices.ContainsFunc(t.files, func(pattern string) bool { ok, _ := filepath.Match(pattern, file); return ok })
}

// mutants are those of all files of the target.
func (t target) mutants() ([]mutant, error) {
	var all []mutant
	for _, pattern := range t.files {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("%s: no files (run it in the repository's top folder): %v", pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			some, err := mutate(file)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
	}
	return all, nil
}

func (t target) survivors(mutants []mutant) (survivors []mutant, unviable int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	work := make(chan mutant)
	for range parallel {
		wg.Go(func() {
			for m := range work {
				result := t.try(m)
				mu.Lock()
				switch result {
				case survived:
					survivors = append(survivors, m)
					fmt.Fprintf(os.Stderr, "survives: %s:%d: %s\n", m.file, m.line, m.key())
				case notCompiled:
					unviable++
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range mutants {
		work <- m
	}
	close(work)
	wg.Wait()
	slices.SortFunc(survivors, func(a, b mutant) int {
		if c := strings.Compare(a.file, b.file); c != 0 {
			return c
		}
		return a.line - b.line
	})
	return survivors, unviable
}

type result int

const (
	killed result = iota
	survived
	notCompiled
)

// try runs the tests with a mutant in the place of its file.
func (t target) try(m mutant) result {
	folder, err := os.MkdirTemp("", "mutate")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	path, err := filepath.Abs(m.file)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "mutant.go"), m.source, 0o600)
	}
	overlay, _ := json.Marshal(map[string]any{"Replace": map[string]string{path: filepath.Join(folder, "mutant.go")}})
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "overlay.json"), overlay, 0o600)
	}
	if err != nil {
		panic(err)
	}
	program := filepath.Join(folder, "test")
	build := exec.Command("go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", filepath.Join(folder, "overlay.json"), "-o", program, "./"+filepath.Dir(m.file))
	if build.Run() != nil {
		return notCompiled
	}
	runs := []string{t.quick, "."}
	switch {
	case t.quick == "":
		runs = runs[1:]
	case t.isQuick:
		runs = runs[:1]
	}
	for _, pattern := range runs {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		test := exec.CommandContext(ctx, program, "-test.failfast", "-test.run", pattern)
		test.Dir = filepath.Dir(path)
		err := test.Run()
		cancel()
		if err != nil {
			return killed
		}
	}
	return survived
}

// readEquivalents reads lines of a mutant's key, two blanks, "#" and the reason.
func readEquivalents(text string) (map[string]string, error) {
	known := make(map[string]string)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, reason, found := strings.Cut(line, "  # ")
		if !found || reason == "" {
			return nil, fmt.Errorf("equivalent.txt: no reason behind %q", line)
		}
		known[strings.TrimSpace(key)] = reason
	}
	return known, nil
}
