package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"onbehalf/authorize"
	"onbehalf/authorize/watch"
	"onbehalf/clock"
	"onbehalf/remedy"
	"onbehalf/tenant"
)

// watch begins to look into DNS, with what was known when the daemon last ended. The
// func that it returns ends that, and saves.
func (d *daemon) watch(first *Generation) (stop func(), err error) {
	first.prepare(nil)
	store := authorize.StoreIn(first.StateDir)
	lock, err := store.Lock()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("another onbehalf uses state_dir %s; stop it first, or give this one its own", first.StateDir)
	}
	d.rememberTime(&store)
	d.watcher = watch.New(d.log)
	known, unreadable := recall(store, d.log)
	if err := d.watcher.Adopt(first, known...); err != nil {
		lock.Close() // it may be tried again
		return nil, err
	}
	if d.watcher.NotSaved = unreadable; unreadable == nil {
		d.watcher.Save = store.Save
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.watcher.Run(ctx)
	}()
	return func() {
		cancel()
		<-ended
		lock.Close() // nil where state_dir cannot be written to: saving reports that
	}, nil
}

// rememberTime makes the clock, which goes on from what the store knows, and has the store keep it.
func (d *daemon) rememberTime(store *authorize.Store) {
	written, besides := store.Times()
	d.clock = clock.New(written, besides...)
	store.Besides = d.clock.Others
	if others := d.clock.Others(); len(others) > 0 {
		d.log.Info("the daemon was down for long, or the clock was set: bounce addresses are good that are so by one of several times",
			"now", d.clock.Now().Format(time.RFC3339), "besides", fmt.Sprint(others))
	}
}

// recall returns the standings of the last run. A damaged or foreign file is set aside: DNS answers
// again, and until then mail leaves in the platform's name. One that cannot be read may be as good
// as ever, and must not be saved over: the error says why, and what to do.
func recall(store authorize.Store, log *slog.Logger) (known []tenant.Standing, unreadable error) {
	known, written, err := store.Load()
	switch {
	case err == nil:
		log.Info("standings recalled", "domains", len(known), "written", written.Format(time.RFC3339))
		return known, nil
	case errors.Is(err, authorize.ErrNoStore):
		return nil, nil
	case !errors.Is(err, authorize.ErrDamaged):
		cause, fix := remedy.Of(err, "let the user that the daemon runs as read and write it")
		if errors.Is(err, syscall.EISDIR) {
			fix = "move it away"
		}
		fix += ", then run: systemctl restart onbehalf"
		log.Error("standings of the last run cannot be read: all tenants are looked up again, and nothing is saved", "file", store.Path, "error", cause, "remedy", fix)
		return nil, &remedy.Error{Cause: "standings of the last run cannot be read: " + store.Path + ": " + cause, Fix: fix, Err: err}
	}
	aside, failure := store.SetAside()
	if failure != nil {
		log.Error("standings of the last run cannot be used: all tenants are looked up again", "error", err, "not_set_aside", failure)
		return nil, nil
	}
	log.Warn("standings of the last run cannot be used: all tenants are looked up again", "error", err, "set_aside", aside)
	return nil, nil
}

// Recall puts the standings that the daemon saved last into the table, for a command that is to
// say what the daemon would. That there are none yet is no error.
func (g *Generation) Recall() error {
	saved, _, err := authorize.StoreIn(g.StateDir).Load()
	if errors.Is(err, authorize.ErrNoStore) {
		return nil
	} else if err != nil {
		return err
	}
	return watch.New(slog.New(slog.DiscardHandler)).Adopt(g, saved...)
}
