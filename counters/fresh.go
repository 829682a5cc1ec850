package counters

import (
	"net/netip"
	"time"

	"onbehalf/message"
	"onbehalf/receivers"
	"onbehalf/rewrite"
)

// Message is what became of one.
type Message struct {
	Tenant string // id, Platform or Unknown
	Row    rewrite.Row
	Result string // done, passed, refused or deferred
	Reason string // why it was refused, of a fixed set; empty: it was not
	At     time.Time
}

// Return is one notification that came back by a bounce address that is valid.
type Return struct {
	Tenant  string // whose address it is: id, Platform or Unknown
	Classes []Class
	At      time.Time
	// Claims are those of them, at most one for each receiver, that say that the tenant's mail is
	// not authenticated while DNS has it that it is.
	Claims []Claim
}

// Claim is what one receiver says by a notification: this mail is not authenticated.
type Claim struct {
	Meaning receivers.Meaning
	Domain  message.Domain // whose mail should have been
	Host    message.Domain // that said so; zero: not known
	// From is who brought the notification: the network of a client, which may have made it up.
	// Zero: Postfix of this host, to which a receiver said so.
	From netip.Prefix
}

// fresh is what was counted of a tenant's day and not yet added to it.
type fresh struct {
	messages [rows][len(results)]int64
	refused  map[string]int64
	returned map[Class]int64
	last     time.Time
	evidence map[string]*Evidence
}

// maxReasons is more than there are. Reasons are not made of what a message holds.
const maxReasons = 50

func (f *fresh) message(m *Message) {
	if int(m.Row) < 0 || int(m.Row) >= rows {
		return
	}
	f.messages[m.Row][resultOf(m.Result)]++
	if m.Row == rewrite.RowReturn || m.Row == rewrite.RowLoop {
		return
	}
	if m.Reason != "" && len(f.refused) < maxReasons {
		put(&f.refused, m.Reason, f.refused[m.Reason]+1)
	}
	if m.At.After(f.last) {
		f.last = m.At
	}
}

func resultOf(name string) int {
	for i, one := range results {
		if one == name {
			return i
		}
	}
	return 0
}

func (f *fresh) back(r *Return) {
	for _, class := range r.Classes {
		put(&f.returned, class, f.returned[class]+1)
	}
	for _, claim := range r.Claims {
		one := claim.evidence(r.At)
		if before := f.evidence[claim.Meaning.Receiver]; before != nil {
			one = before.and(one)
		}
		put(&f.evidence, claim.Meaning.Receiver, &one)
	}
}

// add counts what came later.
func (f *fresh) add(later *fresh) {
	for row, by := range later.messages {
		for result, n := range by {
			f.messages[row][result] += n
		}
	}
	for reason, n := range later.refused {
		put(&f.refused, reason, f.refused[reason]+n)
	}
	for class, n := range later.returned {
		put(&f.returned, class, f.returned[class]+n)
	}
	for receiver, e := range later.evidence {
		if before := f.evidence[receiver]; before != nil {
			sum := before.and(*e)
			e = &sum
		}
		put(&f.evidence, receiver, e)
	}
	if later.last.After(f.last) {
		f.last = later.last
	}
}
