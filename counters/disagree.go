package counters

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Receivers disagree with DNS as this host sees it when they refuse mail as not authenticated whose
// domain has our records. Notifications come from strangers: whoever has got one message of a
// tenant has a bounce address of it, and may send there what he likes. So one says nothing. Each of
// Postfix's own counts, because a server said so to this host; those from outside count once for
// each network, in all days that are looked at, however many it sends.
const (
	enough = 3 // that count
	within = 7 // days, today's included
)

// maxNetworks is how many are kept of a receiver and day. It must be enough.
const maxNetworks = 8

// Evidence is what was said of one receiver on one day.
type Evidence struct {
	Own      int64          `json:"own,omitempty"`      // notifications of this host's Postfix
	Networks []netip.Prefix `json:"networks,omitempty"` // that notifications came from, at most 8
	Domain   string         `json:"domain"`             // of the last of them, like all below
	Host     string         `json:"host,omitempty"`
	Finding  string         `json:"finding"`
	Fix      string         `json:"fix,omitempty"`
	Last     time.Time      `json:"last"`
}

func (c Claim) evidence(at time.Time) Evidence {
	e := Evidence{Domain: c.Domain.String(), Host: c.Host.String(), Finding: c.Meaning.Means, Fix: c.Meaning.Fix, Last: at}
	if c.From.IsValid() {
		e.Networks = []netip.Prefix{c.From}
	} else {
		e.Own = 1
	}
	return e
}

// and adds what came later.
func (e Evidence) and(later Evidence) Evidence {
	later.Own += e.Own
	networks := slices.Clone(e.Networks)
	for _, from := range later.Networks {
		if len(networks) < maxNetworks && !slices.Contains(networks, from) {
			networks = append(networks, from)
		}
	}
	later.Networks = networks
	return later
}

// counting is how many notifications count.
func (e Evidence) counting() int64 { return e.Own + int64(len(e.Networks)) }

// Disagreement is a finding: receivers refuse mail of a tenant as not authenticated, and DNS as
// this host sees it has it that it is.
type Disagreement struct {
	Receiver string    `json:"receiver,omitempty"` // such as Gmail; empty: not one of those that are known
	Count    int64     `json:"count"`              // notifications of the last 7 days that count
	Since    string    `json:"since"`              // day of the first of them
	Domain   string    `json:"domain"`             // of the last of them, like all below
	Host     string    `json:"host,omitempty"`     // of the receiver
	Finding  string    `json:"finding"`            // what the receiver's words mean
	Fix      string    `json:"fix,omitempty"`      // the next step
	Last     time.Time `json:"last"`
}

// Disagreements returns the findings that days show, the earliest day first, by the receiver's
// name. Of more days than count, the last ones are looked at.
func Disagreements(days []Day) (all []Disagreement) {
	days = days[max(0, len(days)-within):]
	total := make(map[string]Evidence)
	since := make(map[string]string)
	for _, day := range days {
		for receiver, e := range day.Unauthenticated {
			if _, known := since[receiver]; !known {
				since[receiver] = day.Date
			}
			total[receiver] = total[receiver].and(e)
		}
	}
	for receiver, e := range total {
		if e.counting() >= enough {
			all = append(all, Disagreement{Receiver: receiver, Count: e.counting(), Since: since[receiver],
				Domain: e.Domain, Host: e.Host, Finding: e.Finding, Fix: e.Fix, Last: e.Last})
		}
	}
	slices.SortFunc(all, func(a, b Disagreement) int { return strings.Compare(a.Receiver, b.Receiver) })
	return all
}
