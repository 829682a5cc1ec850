package daemon

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"onbehalf/admin"
	"onbehalf/counters"
	"onbehalf/events"
	"onbehalf/message"
	"onbehalf/milter"
	"onbehalf/receivers"
	"onbehalf/rewrite"
	"onbehalf/store"
	"onbehalf/tenant"
)

// count begins to count messages, tenant by tenant and day by day.
func (d *daemon) count(ctx context.Context) (ended <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.counters.Run(ctx)
	}()
	return done
}

// counted is the milter's Counted.
func (d *daemon) counted(o milter.Outcome) {
	d.counters.Message(counters.Message{Tenant: countedAs(o.Owner), Row: o.Row, Result: o.Result, Reason: o.Reason, At: o.At})
}

func countedAs(o milter.Owner) string {
	if o.Platform {
		return counters.Platform
	}
	return cmp.Or(o.Tenant, counters.Unknown)
}

// cameBack is the milter's CameBack.
func (d *daemon) cameBack(n milter.Notification) {
	r := counters.Return{Tenant: countedAs(n.Owner), At: n.At}
	classes, claims := make(map[counters.Class]bool), make(map[string]bool)
	for _, f := range n.Failures {
		if f.Delayed {
			continue
		}
		class := counters.ClassOf(f.Meaning, f.Status)
		if !classes[class] {
			classes[class] = true
			r.Classes = append(r.Classes, class)
		}
		if class == counters.Authentication && !claims[f.Meaning.Receiver] && d.authenticated(n) {
			claims[f.Meaning.Receiver] = true
			host, _ := message.ParseDomain(f.Host)
			r.Claims = append(r.Claims, counters.Claim{Meaning: f.Meaning, Domain: n.Mailbox.Domain, Host: host, From: n.Network})
		}
	}
	d.counters.Return(r)
}

// authenticated reports whether mail like that which has come back is authenticated by what DNS
// shows of the tenant's domain.
func (d *daemon) authenticated(n milter.Notification) bool {
	s := d.current.Load().table.Snapshot()
	t, _ := s.Owner(n.Mailbox.Domain)
	return t != nil && t.ID == n.Tenant && authenticated(s, t, n)
}

// authenticated reports whether the author's mail leaves as the tenant's own, by a row that DNS has
// to bear out, with the envelope sender that the notification came to. By row 5 it keeps the
// author's, so that one that comes to a bounce address is about a message of before: that left
// rewritten. By row 2 it gets a bounce address where a recipient is the tenant's own.
func authenticated(s *tenant.Snapshot, t *tenant.Tenant, n milter.Notification) bool {
	m := t.Submitters.Letter(n.Mailbox, n.Mailbox, "onbehalf", n.At)
	m.Envelope.ForwardPaths = nil // mail to anybody
	p := rewrite.Decide(m, s)
	at := s.Platform().Bounce
	if p.ReversePath != nil {
		at = p.ReversePath.Domain
	}
	return !p.Shadow && rewrite.RowKeyPath <= p.Row && p.Row <= rewrite.RowPath && n.BounceAt == at
}

// disagreement records that receivers have begun to disagree about a tenant's mail, and has people
// hear of it.
func (d *daemon) disagreement(id string, found counters.Disagreement) {
	d.log.Warn(receivers.AtReceiver(found.Receiver)+" disagree with DNS as this host sees it", "tenant", id, "domain", found.Domain,
		"host", found.Host, "notifications", found.Count, "finding", found.Finding, "remedy", receivers.LookAt(id))
	d.recorder.Record(store.Entry{At: found.Last, Kind: store.KindDisagreement, Tenant: id, Domain: found.Domain, Subject: found.Receiver,
		Text: fmt.Sprintf("%d notifications say that its mail is not authenticated, the last by %s: %s %s", found.Count,
			cmp.Or(found.Host, "an unknown host"), found.Finding, receivers.LookAt(id))})
	d.notices.Notice(events.NewReceiversDisagree(time.Now(), id, found.Domain, found.Receiver, found.Finding, receivers.LookAt(id)))
}

// daysShown is how many days status shows.
const daysShown = 30

// countersOf says what was counted of a tenant.
func (d *daemon) countersOf(id string) (admin.Counters, error) {
	now := d.clock.Now()
	days, err := d.counters.Days(id, now, daysShown)
	if err != nil {
		return admin.Counters{}, err
	}
	doc := admin.Counters{Days: days, Disagreements: counters.Disagreements(days)}
	kept := int(d.current.Load().HistoryKeep/(24*time.Hour)) + 1
	doc.Last, err = d.counters.Last(id, now, kept)
	return doc, err
}
