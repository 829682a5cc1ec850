package tenant

import (
	"slices"
	"time"

	"onbehalf/dmarc"
	"onbehalf/message"
)

// State is what DNS has shown about one mechanism of one domain.
type State string

const (
	Unknown State = ""        // never looked up, or no answer yet
	Pending State = "pending" // not there
	Active  State = "active"  // there
	Warning State = "warning" // was there, one lookup found it gone
)

// Mechanism is one way in which a domain can authorize us. It was looked for under
// the name, key or addresses in Of: of something else it says nothing.
type Mechanism struct {
	State       State     `json:"state,omitempty"`
	Of          string    `json:"of,omitempty"`
	Since       time.Time `json:"since,omitzero"`     // of the state
	Checked     time.Time `json:"checked,omitzero"`   // last lookup with a definitive answer
	Evidence    string    `json:"evidence,omitempty"` // what that showed, for people
	LookupError `json:"trouble,omitzero"`
}

// LookupError is the last lookup without a definitive answer since the last one with
// it. It moves nothing. The zero LookupError is none.
type LookupError struct {
	Error string    `json:"error,omitempty"`
	At    time.Time `json:"at,omitzero"`
}

// Holds reports whether mail may rely on the mechanism.
func (m Mechanism) Holds() bool { return m.State == Active || m.State == Warning }

// DMARC is what a domain asks of receivers (RFC 9989). The zero value is relaxed
// alignment under an unknown policy.
type DMARC struct {
	Policy     dmarc.Policy `json:"policy,omitempty"`
	StrictDKIM bool         `json:"strict_dkim,omitempty"` // adkim=s
	StrictSPF  bool         `json:"strict_spf,omitempty"`  // aspf=s
	// Organizational is the organizational domain by the tree walk of RFC 9989
	// section 4.10.2; zero: not known.
	Organizational message.Domain `json:"organizational,omitzero"`
	// LaxerSince is since when DNS asks for less than that, which does not count yet; zero: it asks
	// for just that.
	LaxerSince  time.Time `json:"laxer_since,omitzero"`
	Checked     time.Time `json:"checked,omitzero"`
	Evidence    string    `json:"evidence,omitempty"`
	LookupError `json:"trouble,omitzero"`
}

// DMARCOf returns what a domain asks, with nothing known of when it did.
func DMARCOf(a dmarc.Asks) DMARC {
	return DMARC{Policy: a.Policy, StrictDKIM: a.StrictDKIM, StrictSPF: a.StrictSPF, Organizational: a.Organizational}
}

// Asks returns what alignment is judged by.
func (d DMARC) Asks() dmarc.Asks {
	return dmarc.Asks{Policy: d.Policy, StrictDKIM: d.StrictDKIM, StrictSPF: d.StrictSPF, Organizational: d.Organizational}
}

// Standing is what the DNS of one domain says about us. It is not changed once it
// is in a Table; a new one takes its place.
type Standing struct {
	Domain     message.Domain `json:"domain"`
	SPF        Mechanism      `json:"spf,omitzero"`         // every sending IP passes for the domain
	DKIM       []KeyStanding  `json:"dkim,omitempty"`       // each at most once
	ReturnPath Mechanism      `json:"return_path,omitzero"` // the tenant's return-path name is ours, and its SPF passes
	DMARC      DMARC          `json:"dmarc,omitzero"`
	// Seen is the day of the last mail from a domain that no pattern names, but a
	// wildcard covers; zero for all others.
	Seen time.Time `json:"seen,omitzero"`
}

// KeyStanding is the standing of one DKIM key: our public key is published under it.
type KeyStanding struct {
	Name      string `json:"selector"`
	Mechanism `json:"key"`
}

// Key returns the standing of the key under a selector; zero: nothing is known.
func (s Standing) Key(selector string) Mechanism {
	for _, key := range s.DKIM {
		if key.Name == selector {
			return key.Mechanism
		}
	}
	return Mechanism{}
}

// LookedUp reports whether DNS has said anything definitive about the domain. Of a single
// mechanism it may say nothing for years.
func (s Standing) LookedUp() bool {
	return !s.DMARC.Checked.IsZero() || !s.SPF.Checked.IsZero() || !s.ReturnPath.Checked.IsZero() ||
		slices.ContainsFunc(s.DKIM, func(key KeyStanding) bool { return !key.Checked.IsZero() })
}
