package milter

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"onbehalf/message"
	"onbehalf/rewrite"
)

// Untrusted are the messages of clients that are not trusted whose author, or envelope sender, is
// a tenant's or the platform's, since the start. They left as they came, unsigned: most probably an
// application server is missing in trust.networks. What comes in to the platform itself is not
// among them: tenants write to it from servers of their own.
type Untrusted struct {
	Messages int64
	Last     time.Time // of the last of them, like all below; zero: there was none
	Client   string    // that handed it in, or that a filter on this host had it from
	From     string    // the address of the author or, where addresses are not logged, its domain
	Tenant   string    // id; empty: the platform
}

// untrusted counts them. The zero value is ready; it may be used by many goroutines.
type untrusted struct {
	mu       sync.Mutex
	so       Untrusted
	reported int64     // of Messages
	warned   time.Time // zero: not yet
}

// untrustedEvery is how often the log says that there were more.
const untrustedEvery = 10 * time.Minute

// note counts a message that was left as it is, if it is one of these.
func (u *untrusted) note(t *transaction) {
	if t.plan.Row != rewrite.RowUntrusted || t.result != passed || t.staysHere() {
		return
	}
	from, tenant, found := t.claimed()
	if !found {
		return
	}
	one := Untrusted{Last: t.started, Client: cmp.Or(t.plan.Detail, t.message.Submitter.Client.String()), From: from.Domain.String(), Tenant: tenant}
	if t.source.LogAddresses() {
		one.From = clip(from.String())
	}
	if more := u.count(one); more > 0 {
		t.reportUntrusted(one, more)
	}
}

// count counts one more, and returns how many the log is to speak of; 0: none now.
func (u *untrusted) count(one Untrusted) (more int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	one.Messages = u.so.Messages + 1
	u.so = one
	if !u.warned.IsZero() && one.Last.Sub(u.warned) < untrustedEvery {
		return 0
	}
	more = one.Messages - u.reported
	u.warned, u.reported = one.Last, one.Messages
	return more
}

func (t *transaction) reportUntrusted(one Untrusted, more int64) {
	attrs := []slog.Attr{slog.Int64("messages", more), slog.String("tenant", one.Tenant)}
	if t.source.LogAddresses() {
		attrs = append(attrs, slog.String("client", one.Client), slog.String("from", one.From))
	}
	attrs = append(attrs, slog.String("remedy", "if the client is an application server of yours, add it to trust.networks and reload (on a new host: onbehalf setup --trust NETWORK); onbehalf status names it"))
	t.server.Log.LogAttrs(context.Background(), slog.LevelWarn, "messages of clients that are not trusted leave as they came, though their author is a tenant's or the platform's", attrs...)
}

// staysHere reports whether all recipients are the platform's own.
func (t *transaction) staysHere() bool {
	p := t.snapshot.Platform()
	return !slices.ContainsFunc(t.message.Envelope.ForwardPaths, func(to message.Path) bool {
		d := mailbox(to).Domain
		return !p.Owns(d) && d != t.message.Host && d != p.Bounce
	})
}

// claimed returns the author, or else the envelope sender, if its domain is a tenant's or the
// platform's.
func (t *transaction) claimed() (from message.Address, tenant string, found bool) {
	for _, from := range []message.Address{t.plan.Claimed, t.message.Envelope.ReversePath.Address} {
		if from.Domain.IsZero() {
			continue
		}
		if t.snapshot.Platform().Owns(from.Domain) {
			return from, "", true
		}
		if owner, _ := t.snapshot.Owner(from.Domain); owner != nil {
			return from, owner.ID, true
		}
	}
	return message.Address{}, "", false
}

// Untrusted returns how many there were, and the last of them.
func (s *Server) Untrusted() Untrusted {
	s.untrusted.mu.Lock()
	defer s.untrusted.mu.Unlock()
	return s.untrusted.so
}
