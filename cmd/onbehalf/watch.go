package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"onbehalf/authorize"
	"onbehalf/authorize/resolve"
	"onbehalf/authorize/watch"
	"onbehalf/clock"
	"onbehalf/config"
	"onbehalf/remedy"
	"onbehalf/tenant"
)

// newResolver makes the client of a configuration's DNS servers.
func newResolver(c config.DNS) (*resolve.Client, error) {
	return resolve.New(resolve.Options{Servers: c.Servers, Timeout: c.Timeout, MaxPerSecond: c.MaxPerSecond})
}

// generation gives the watcher what it works by. A reload that leaves dns as it was keeps the
// resolver, and with it the count of questions a second.
func (l *loaded) generation(before *loaded) (watch.Generation, error) {
	var err error
	if before != nil && reflect.DeepEqual(before.DNS, l.DNS) {
		l.resolver = before.resolver
	} else if l.resolver, err = newResolver(l.DNS); err != nil {
		return watch.Generation{}, err
	}
	l.kept = new(authorize.Kept)
	if before != nil {
		l.kept = before.kept
	}
	observer := authorize.Observer{DNS: l.resolver, Platform: l.Platform, Kept: l.kept}
	return watch.Generation{Table: l.table, Keys: l.ring, DNS: l.resolver, Look: observer.Look, Rules: rules(l.DNS), Kept: l.kept,
		MaxPerSecond: l.DNS.MaxPerSecond}, nil
}

func rules(c config.DNS) authorize.Rules {
	return authorize.Rules{PendingEvery: c.PendingEvery, ActiveEvery: c.ActiveEvery, DemoteAfter: c.DemoteAfter}
}

// watch begins to look into DNS, with what was known when the daemon last ended. The
// func it gives ends that, and saves.
func (d *daemon) watch(first *loaded) (stop func(), err error) {
	generation, err := first.generation(nil)
	if err != nil {
		return nil, err
	}
	store := authorize.StoreIn(first.StateDir)
	lock, err := store.Lock()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("another onbehalf uses state_dir %s; stop it first, or give this one its own", first.StateDir)
	}
	d.rememberTime(&store)
	d.watcher = watch.New(d.log)
	known, unreadable := recall(store, d.log)
	if err := d.watcher.Adopt(generation, known...); err != nil {
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
		lock.Close() // nil where state_dir cannot be written to: saving tells
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

// recall puts the standings that the daemon saved last into the table, for a command
// that is to say what the daemon would. Without them, all tenants with authorization auto
// look unauthorized, and standard error says so.
func (p *program) recall(now *loaded) {
	saved, _, err := authorize.StoreIn(now.StateDir).Load()
	if err == nil {
		quiet := watch.New(slog.New(slog.DiscardHandler))
		err = quiet.Adopt(watch.Generation{Table: now.table, Keys: now.ring}, saved...)
	}
	if err != nil && !errors.Is(err, authorize.ErrNoStore) {
		fmt.Fprintf(p.err, "onbehalf: what the daemon knows of tenants' DNS is not known here: %v\n", err)
	}
}
