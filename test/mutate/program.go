package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A mutant may take this many times as long as the program that it is of, and some seconds more,
// for the machine may be busy. One that takes longer goes round in circles.
const (
	patience = 10
	grace    = 10 * time.Second
)

// memory is how much a test may hold, in KiB: a mutant that goes round in circles may fill it.
const memory = 4 << 20

// program is the tests of a package, compiled with mutants in it.
type program struct {
	folder string // of its own
	pkg    string // the package's folder, in which tests run
}

func (p program) remove()      { os.RemoveAll(p.folder) }
func (p program) path() string { return filepath.Join(p.folder, "test") }

// compile makes the program of sources, which are files of one package.
func compile(sources []*source) (program, error) {
	folder, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return program{}, err
	}
	p := program{folder: folder, pkg: filepath.Dir(sources[0].file)}
	if err := p.build(sources); err != nil {
		p.remove()
		return program{}, err
	}
	return p, nil
}

func (p program) build(sources []*source) error {
	replace := make(map[string]string)
	put := func(file string, text []byte) error {
		path, err := filepath.Abs(file)
		if err != nil {
			return err
		}
		replace[path] = filepath.Join(p.folder, filepath.Base(file))
		return os.WriteFile(replace[path], text, 0o600)
	}
	if err := put(filepath.Join(p.pkg, "mutate_chooser.go"), chooser(sources[0].pkg)); err != nil {
		return err
	}
	for _, s := range sources {
		if err := put(s.file, s.switchable()); err != nil {
			return err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	overlay := filepath.Join(p.folder, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return err
	}
	build := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", p.path(), "./"+p.pkg)
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// measure runs the tests as no mutant, and returns how long each step may take as one.
func (p program) measure(steps [][]string) (limits []time.Duration, err error) {
	for _, step := range steps {
		start := time.Now()
		if out, err := p.run(context.Background(), -1, step); err != nil {
			return nil, fmt.Errorf("%w\n%s", err, out)
		}
		limits = append(limits, patience*time.Since(start)+grace)
	}
	return limits, nil
}

// try runs the tests as a mutant.
func (p program) try(mutant int, steps [][]string, limits []time.Duration) result {
	for i, step := range steps {
		ctx, cancel := context.WithTimeout(context.Background(), limits[i])
		_, err := p.run(ctx, mutant, step)
		late := ctx.Err() != nil
		cancel()
		switch {
		case late:
			return tookTooLong
		case err != nil:
			return killed
		}
	}
	return survived
}

// run runs the tests until the first fails.
func (p program) run(ctx context.Context, mutant int, arguments []string) (output []byte, err error) {
	limited := fmt.Sprintf(`ulimit -v %d; exec "$0" "$@"`, memory)
	command := exec.CommandContext(ctx, "sh", append([]string{"-c", limited, p.path(), "-test.failfast"}, arguments...)...)
	command.Dir = p.pkg
	command.Env = append(os.Environ(), fmt.Sprintf("%s=%d", variable, mutant))
	return command.CombinedOutput()
}
