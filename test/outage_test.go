package test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onbehalf/authorize"
	"onbehalf/authorize/resolve"
	"onbehalf/authorize/watch"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/store"
	"onbehalf/tenant"
	"onbehalf/test/cases"
	"onbehalf/test/nameserver"
)

// TestDayWithoutDNS lets a day pass, on a fake clock, while a real DNS server answers SERVFAIL
// or is gone, with a restart at noon. Nobody moves; and when it is back, looks go on.
func TestDayWithoutDNS(t *testing.T) {
	outages := map[string]func(*nameserver.Server, testing.TB){
		"SERVFAIL": (*nameserver.Server).Fail,
		"gone":     (*nameserver.Server).Stop,
	}
	for name, begin := range outages {
		t.Run(name, func(t *testing.T) {
			cast := cases.NewCast(t)
			published := []string{nameserver.TXT("yourorganisationname.nl", "v=spf1 ip4:80.84.235.70 -all")}
			for name, record := range cast.Records(t) {
				published = append(published, nameserver.TXT(name, record))
			}
			dns := nameserver.Start(t, published...)
			state := t.TempDir()
			clock := time.Duration(0)
			watch := func(before rewrite.Row, last time.Duration, after rewrite.Row) (log string) {
				synctest.Test(t, func(t *testing.T) {
					time.Sleep(clock) // each bubble begins in the same instant
					w := startWatching(t, cast, dns, state)
					w.expect(before)
					time.Sleep(last)
					w.expect(after)
					w.stop()
					log = w.log.String()
				})
				clock += last
				return log
			}

			watch(6, time.Minute, 2)
			begin(dns, t)
			for _, half := range []string{"morning", "afternoon"} {
				log := watch(2, 12*time.Hour, 2)
				if strings.Contains(log, "msg=authorization") || strings.Count(log, "no answer from DNS") != 1 {
					t.Errorf("the log of a %s without DNS:\n%s", half, log)
				}
			}
			dns.Publish(t) // everything is gone, and DNS says so
			watch(2, 3*time.Hour, 6)
		})
	}
}

// watching is a Watcher at work on a fake clock.
type watching struct {
	t     *testing.T
	table *tenant.Table
	log   logBuffer
	stop  func()
}

// generation is what the Watcher works by.
type generation struct {
	cases.Generation
	authorize.Observer
}

func (*generation) Resolver() any         { return nil }
func (*generation) Kept() *authorize.Kept { return nil }
func (*generation) MaxPerSecond() int     { return 0 }
func (*generation) Rules() authorize.Rules {
	return authorize.Rules{PendingEvery: 5 * time.Minute, ActiveEvery: time.Hour, DemoteAfter: time.Hour}
}

// startWatching runs a Watcher until stop.
func startWatching(t *testing.T, cast *cases.Cast, dns *nameserver.Server, state string) *watching {
	w := &watching{t: t, table: cast.Table(t)}
	client, err := resolve.New(resolve.Options{Servers: []string{dns.Addr}, Timeout: time.Second, MaxPerSecond: 50})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	file, err := store.Open(store.Options{Dir: state, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	known, err := store.LoadStandings(file)
	if err != nil {
		t.Fatal(err)
	}
	watcher := watch.New(log)
	watcher.Save = func(saved []tenant.Standing, gone []message.Domain) {
		if err := store.SaveStandings(file, saved, gone); err != nil {
			t.Error(err)
		}
	}
	source := &generation{cases.Generation{Tenants: w.table, Keys: cast.Keys}, authorize.Observer{DNS: client, Platform: w.table.Platform()}}
	if err := watcher.Adopt(source, known...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		watcher.Run(ctx)
	}()
	w.stop = func() {
		cancel()
		<-ended
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
	return w
}

// expect looks at how mail of the tenant would leave.
func (w *watching) expect(row rewrite.Row) {
	w.t.Helper()
	m := message.Message{Header: message.Header{{Name: "From", Value: " academy@yourorganisationname.nl"}}, Received: time.Now()}
	m.Envelope.ReversePath = message.ParsePath("academy@yourorganisationname.nl")
	m.Submitter.Local = true
	if plan := rewrite.Decide(m, w.table.Snapshot()); plan.Row != row {
		w.t.Errorf("at %s row %s, want %s\n%s", time.Now(), plan.Row, row, w.log.String())
	}
}
