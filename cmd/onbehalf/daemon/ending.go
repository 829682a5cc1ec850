package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// stopTime is how long the daemon may take to end, whatever goes on. systemd waits for 40 s
// (TimeoutStopSec= of the unit).
const stopTime = 34 * time.Second

// ending knows whether the daemon ends. After that no reload takes effect, for what it would hand
// over to may be gone.
type ending struct {
	mu    sync.Mutex
	ended bool
}

// begin waits for a reload that is taking effect.
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

// awaitEnd returns where SIGTERM and SIGINT are heard. Before the daemon serves it has nothing to
// finish, and ends at once; afterwards stopTime counts from here.
func (d *daemon) awaitEnd() (asked <-chan string, cancel func()) {
	signals, ends := make(chan os.Signal, 1), make(chan string, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		s, more := <-signals
		if !more {
			return
		}
		if !d.serving.Load() {
			fmt.Fprintf(d.options.Log, "%sonbehalf: ended before it served anybody: %s\n", Priority(d.options.Log, slog.LevelWarn), s)
			os.Exit(0)
		}
		time.AfterFunc(stopTime, d.endHard)
		ends <- s.String()
	}()
	return ends, func() { signal.Stop(signals); close(signals) }
}

// endHard ends what cannot end by itself. Postfix defers what is under way; standings are as they
// were last saved.
func (d *daemon) endHard() {
	d.log.Error("not ended in time, so it ends hard", "after", stopTime)
	d.out.Close()
	os.Exit(1)
}
