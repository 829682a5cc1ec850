// Mutate changes one condition of the program at a time, runs the tests of its package, and lists
// the changes that no test notices: the survivors. Each is a rule that could be lost unseen, or
// a change that makes no difference; those stand in equivalent.txt with the reason.
//
//	go run ./test/mutate                  # all targets: half an hour on two processors
//	go run ./test/mutate srs dmarc        # some of them
//	go run ./test/mutate rewrite/facts.go # one file
//
// Nothing in the tree is changed: the compiler reads the files through an overlay. It compiles the
// tests of a package once, with all mutants in it, and the environment chooses one. A mutant runs
// through the quick tests, and through the slow ones only when those pass; the first that fails ends
// it. With GOGC=800 in the environment rewrite takes half the time. Exit status 1: there are
// survivors that equivalent.txt does not list, or lines in it that fit nothing.
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// target is a package, or some files of it, and how its tests are run.
type target struct {
	name  string
	files []string // patterns, or names of files
	slow  string   // tests that run when all others have passed; empty: none
}

var targets = []target{
	{name: "srs", files: []string{"srs/*.go"}},
	{name: "dmarc", files: []string{"dmarc/*.go"}},
	{name: "rewrite", files: []string{"rewrite/*.go"}, slow: "Laws"},
	{name: "milter", files: []string{"milter/returns.go"}},
	{name: "authorize", files: []string{"authorize/state.go"}},
}

// parallel is how many mutants are tried at once.
const parallel = 2

//go:embed equivalent.txt
var equivalentText string

func main() {
	flag.Parse()
	if err := run(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(names []string) error {
	known, err := readEquivalents(equivalentText)
	if err != nil {
		return err
	}
	failed := false
	for _, t := range targets {
		if t = t.among(names); len(t.files) == 0 {
			continue
		}
		mutants, results, err := t.results()
		if err != nil {
			return err
		}
		failed = t.report(mutants, results, known) || failed
	}
	if failed {
		return fmt.Errorf("there are survivors, or lines of equivalent.txt that fit none")
	}
	return nil
}

// report prints what became of the mutants, and reports whether there is something to do.
func (t target) report(mutants []mutant, results []result, known map[string]string) (failed bool) {
	count := make(map[result]int)
	survives := make(map[string]bool)
	equivalent := 0
	for i, m := range mutants {
		count[results[i]]++
		if results[i] != survived {
			continue
		}
		survives[m.key()] = true
		if known[m.key()] != "" {
			equivalent++
			continue
		}
		fmt.Printf("  %s:%d: %s\n", m.file, m.line, m.key())
		failed = true
	}
	fmt.Printf("%s: %d mutants, %d killed (%d by the time limit), %d survive, %d of them equivalent\n",
		t.name, len(mutants), count[killed]+count[tookTooLong], count[tookTooLong], count[survived], equivalent)
	for key := range known {
		if t.has(key) && !survives[key] {
			fmt.Printf("  equivalent.txt: no survivor is: %s\n", key)
			failed = true
		}
	}
	return failed
}

// among is the part of a target that is named, by its own name or a file's; of no names, all.
func (t target) among(names []string) target {
	if len(names) == 0 || slices.Contains(names, t.name) {
		return t
	}
	var some []string
	for _, name := range names {
		if t.has(name) {
			some = append(some, name)
		}
	}
	t.files = some
	return t
}

// has reports whether a key in equivalent.txt, or the name of a file, is of the target.
func (t target) has(key string) bool {
	file, _, _ := strings.Cut(key, ": ")
	return slices.ContainsFunc(t.files, func(pattern string) bool { ok, _ := filepath.Match(pattern, file); return ok })
}

// sources are the files of the target, with their mutants.
func (t target) sources() (all []*source, err error) {
	n := 0
	for _, pattern := range t.files {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("%s: no files (run it in the repository's top folder): %v", pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			one, err := mutate(file, n)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
			n += len(one.mutants)
		}
	}
	return all, nil
}

type result int

const (
	killed result = iota
	tookTooLong
	survived
)

// results tries all mutants, some at a time. The tests must pass with none.
func (t target) results() (mutants []mutant, results []result, err error) {
	sources, err := t.sources()
	if err != nil {
		return nil, nil, err
	}
	for _, one := range sources {
		mutants = append(mutants, one.mutants...)
	}
	p, err := compile(sources)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", t.name, err)
	}
	defer p.remove()
	limits, err := p.measure(t.steps())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: the tests fail before anything is changed: %w", t.name, err)
	}
	results = make([]result, len(mutants))
	next := make(chan int)
	var wg sync.WaitGroup
	for range parallel {
		wg.Go(func() {
			for i := range next {
				if results[i] = p.try(i, t.steps(), limits); results[i] == survived {
					fmt.Fprintf(os.Stderr, "survives: %s:%d: %s\n", mutants[i].file, mutants[i].line, mutants[i].key())
				}
			}
		})
	}
	for i := range mutants {
		next <- i
	}
	close(next)
	wg.Wait()
	return mutants, results, nil
}

// steps are the arguments of the runs of a test program, one after the other.
func (t target) steps() [][]string {
	if t.slow == "" {
		return [][]string{nil}
	}
	return [][]string{{"-test.skip", t.slow}, {"-test.run", t.slow}}
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
