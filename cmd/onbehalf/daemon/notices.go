package daemon

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"onbehalf/authorize/watch"
	"onbehalf/config"
	"onbehalf/events"
	"onbehalf/milter"
	"onbehalf/remedy"
	"onbehalf/store"
)

// notices has people hear of what they must know. What history records too is noticed in one place,
// by the recorder; moves.go knows what a change of DNS means for a tenant's mail.
type notices struct {
	*events.Outbox
	*daemon
	hook      *events.Webhook // nil: none
	first     *Generation     // until there is a current one
	forbidden daily
	guessing  daily
}

// mostForbidden and mostGuessing bound the events of a day: by tenant, and by client network.
const (
	mostForbidden = 10_000
	mostGuessing  = 20
)

// openNotices begins to deliver events, those first that the last run has left.
func (d *daemon) openNotices(ctx context.Context, first *Generation) (ended <-chan struct{}) {
	outbox, err := events.Open(d.store, d.log)
	if err != nil {
		d.log.Error("not all events of earlier runs can be read; those are not delivered", "error", err)
	}
	d.notices = &notices{Outbox: outbox, daemon: d, first: first, forbidden: daily{most: mostForbidden}, guessing: daily{most: mostGuessing}}
	d.notices.use(first)
	done := make(chan struct{})
	go func() {
		defer close(done)
		outbox.Run(ctx)
	}()
	return done
}

// generation returns the one that DNS is watched for.
func (n *notices) generation() *Generation {
	return cmp.Or(n.current.Load(), n.first)
}

// use has events go where a generation says, and notes which of its keys cannot be used.
func (n *notices) use(g *Generation) {
	before := n.hook
	n.hook = nil
	var sinks []events.Sink
	if to, err := url.Parse(g.Events.Webhook); err == nil && g.Events.Webhook != "" { // config has parsed it
		n.hook = events.NewWebhook(to, g.Events.Secrets, "onbehalf/"+n.options.Version, nil)
		sinks = append(sinks, n.hook)
	}
	if argv := g.Events.Command; len(argv) > 0 {
		command := events.NewCommand(argv)
		sinks = append(sinks, command)
		n.logCommand(command)
	}
	n.Use(sinks...)
	if before != nil {
		before.Close()
	}
	n.keys(g)
}

// logCommand says what the program of events.command may not do.
func (n *notices) logCommand(c *events.Command) {
	if doubt := c.Doubt(); doubt != "" {
		n.log.Warn("events.command may not work", "program", c.Target(), "why", doubt, "remedy", "onbehalf events --test says whether it does; docs/events.md says what the sandbox allows")
	}
	if sandbox := events.Sandbox(); sandbox != "" {
		n.log.Info("events.command runs in the daemon's sandbox", "program", c.Target(), "sandbox", sandbox)
	}
}

// markKey is where the store has the keys of tenants that could not be used, by tenant and path.
const markKey = "key unreadable\x00"

// mostKeys is how many keys one load is told of by an event of their own.
const mostKeys = 20

// keys notices which keys of tenants cannot be used that could be before.
func (n *notices) keys(g *Generation) {
	known := make(map[string]bool)
	if err := n.store.Walk(store.BucketMarks, store.Range{From: markKey, To: markKey + "\xff"}, func(key string, _ []byte) bool {
		known[key] = true
		return true
	}); err != nil {
		n.log.Error("it is not known which keys were unreadable before", "error", err)
		return
	}
	var fresh []events.Event
	now := time.Now()
	for _, file := range g.Keys {
		if file.Tenant == nil || len(file.Refused) == 0 {
			continue
		}
		mark := markKey + file.Tenant.ID + "\x00" + file.Path
		if known[mark] {
			delete(known, mark)
			continue
		}
		why, fix := "it does not fit the name that it has in the configuration", "run onbehalf check-config, and do what it says"
		if err := g.KeyError(file.Path); err != nil {
			why, fix = remedy.Of(err, fix)
		}
		fresh = append(fresh, events.NewKeyUnreadable(now, file.Tenant.ID, file.Path, why, fix))
		n.store.Write(store.Change{Bucket: store.BucketMarks, Key: mark})
	}
	for mark := range known {
		n.store.Write(store.Change{Bucket: store.BucketMarks, Key: mark, Delete: true})
	}
	if extra := len(fresh) - mostKeys; extra > 0 {
		fresh = append(fresh[:mostKeys], events.NewKeyUnreadable(now, "", g.KeysDir, fmt.Sprintf("%d more keys of tenants cannot be used", extra), "run onbehalf check-config, and do what it says"))
	}
	n.Notice(fresh...)
}

// reloadRefused notices a reload that was refused. What it found may be long; the first error says most.
func (n *notices) reloadRefused(findings config.Findings, err error) {
	why := "the configuration may be truncated"
	for _, f := range findings {
		if f.Level == config.Error {
			why = f.String()
			break
		}
	}
	if err != nil {
		why = err.Error()
	}
	n.Notice(events.NewReloadRefused(time.Now(), why))
}

// outage is the watcher's Outage.
func (n *notices) outage(o watch.Outage) {
	if o.Ended {
		n.Notice(events.NewOutageEnded(time.Now(), o.Since))
		return
	}
	n.Notice(events.NewOutageBegan(time.Now(), o.Since, o.Denied.String(), o.Fix))
}

// forbid is the milter's Forbidden: the first of a tenant and day is an event.
func (n *notices) forbid(f milter.Forbidden) {
	if now := time.Now(); n.forbidden.first(f.Bound+"\x00"+cmp.Or(f.Bound, f.Tenant), now) {
		client := ""
		if f.Client.IsValid() {
			client = f.Client.String()
		}
		n.Notice(events.NewForbidden(now, f.Bound, f.Tenant, client, f.Login))
	}
}

// guess is the milter's Guessing: the first of a network and day is an event.
func (n *notices) guess(network netip.Prefix) {
	if now := time.Now(); n.guessing.first(network.String(), now) {
		n.Notice(events.NewRecipientsRefused(now, network))
	}
}

// daily knows what was there today already. It may be used by many goroutines.
type daily struct {
	most int // a day

	mu   sync.Mutex
	day  string
	seen map[string]bool
}

// first reports whether something is there for the first time on a day of UTC, and there is room for it.
func (d *daily) first(what string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if day := now.UTC().Format(time.DateOnly); day != d.day {
		d.day, d.seen = day, make(map[string]bool)
	}
	if d.seen[what] || len(d.seen) >= d.most {
		return false
	}
	d.seen[what] = true
	return true
}
