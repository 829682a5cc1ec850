package main

import (
	"errors"
	"sync"
)

// ending is told when the daemon ends. After that no reload takes effect, for what it would hand
// over to may be gone.
type ending struct {
	mu    sync.Mutex
	ended bool
}

func (e *ending) begin() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = true
}

// unless runs f, unless the daemon ends.
func (e *ending) unless(f func() error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended {
		return errors.New("the daemon ends")
	}
	return f()
}
