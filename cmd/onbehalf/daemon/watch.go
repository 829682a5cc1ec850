package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"onbehalf/authorize/watch"
	"onbehalf/clock"
	"onbehalf/counters"
	"onbehalf/message"
	"onbehalf/store"
	"onbehalf/tenant"
)

// watch begins to look into DNS, with what was known when the daemon last ended. The
// func that it returns ends that, and saves.
func (d *daemon) watch(first *Generation) (stop func(), err error) {
	first.prepare(nil)
	d.watcher = watch.New(d.log)
	file, err := store.Open(store.Options{Dir: first.StateDir, Log: d.log})
	if err != nil {
		return nil, err
	}
	d.store = file
	d.counters = counters.New(file, d.log, d.disagreement)
	d.rememberTime()
	known := d.recall()
	ctx, cancel := context.WithCancel(context.Background())
	recorded, delivered := d.record(ctx), d.openNotices(ctx, first)
	counted := d.count(ctx)
	d.watcher.Save, d.watcher.Changed, d.watcher.Outage = d.saveStandings, d.changed, d.notices.outage
	if err := d.watcher.Adopt(first, known...); err != nil {
		cancel()
		<-recorded
		<-delivered
		<-counted
		file.Close()
		return nil, err
	}
	file.SetRefill(d.saveAll) // there is all that it saves
	var looking sync.WaitGroup
	looking.Go(func() { d.watcher.Run(ctx) })
	looking.Go(func() { d.keepTime(ctx) })
	return func() {
		cancel()
		looking.Wait()
		<-recorded
		<-delivered
		<-counted
		d.saveTime()
		file.Close() // that nothing could be saved is logged
	}, nil
}

// saveStandings is the watcher's Save.
func (d *daemon) saveStandings(saved []tenant.Standing, gone []message.Domain) {
	if err := store.SaveStandings(d.store, saved, gone); err != nil {
		d.log.Error("a standing cannot be saved", "error", err)
	}
}

// saveAll saves all that is known again, after the store has lost it.
func (d *daemon) saveAll() {
	if err := d.watcher.SaveAll(); err != nil {
		d.log.Error("standings cannot be saved again", "error", err)
	}
	d.saveTime()
	d.recorder.refill()
	d.counters.SaveAgain()
	d.notices.SaveAgain()
}

// timeEvery is how often the store gets to know what time it is. A clock that has jumped has done
// so by much more.
const timeEvery = 10 * time.Minute

// rememberTime makes the clock, which goes on from what the store knows.
func (d *daemon) rememberTime() {
	last := store.LoadTimes(d.store)
	d.clock = clock.New(last.Written, last.Besides...)
	if others := d.clock.Others(); len(others) > 0 {
		d.log.Info("the daemon was down for long, or the clock was set: bounce addresses are good that are so by one of several times",
			"now", d.clock.Now().Format(time.RFC3339), "besides", fmt.Sprint(others))
	}
}

// keepTime has the store keep the clock.
func (d *daemon) keepTime(ctx context.Context) {
	ticker := time.NewTicker(timeEvery)
	defer ticker.Stop()
	for {
		d.saveTime()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (d *daemon) saveTime() {
	store.SaveTimes(d.store, store.Times{Written: time.Now().Round(0), Besides: d.clock.Others()})
}

// recall returns the standings of the last run.
func (d *daemon) recall() []tenant.Standing {
	known, err := store.LoadStandings(d.store)
	if err != nil {
		d.log.Error("not all standings of the last run can be read: the other tenants are looked up again", "error", err)
	}
	if written := store.LoadTimes(d.store).Written; len(known) > 0 || !written.IsZero() {
		d.log.Info("standings recalled", "domains", len(known), "written", written.Format(time.RFC3339))
	}
	return known
}

// Recall puts standings that the daemon knows into the table, for a command that is to say what the
// daemon would.
func (g *Generation) Recall(known []tenant.Standing) error {
	return watch.New(slog.New(slog.DiscardHandler)).Adopt(g, known...)
}
