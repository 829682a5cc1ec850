package tenant

import (
	"time"

	"onbehalf/message"
)

// State is what DNS has shown about one mechanism of one domain.
type State string

const (
	Unknown State = ""        // never looked, or no answer yet
	Pending State = "pending" // not there
	Active  State = "active"  // there
	Warning State = "warning" // was there, one look-up found it gone
)

// Mechanism is one way in which a domain can authorize us.
type Mechanism struct {
	State   State
	Since   time.Time // of the state
	Checked time.Time // last look-up with a definitive answer
}

// Holds tells whether mail may rely on the mechanism.
func (m Mechanism) Holds() bool { return m.State == Active || m.State == Warning }

// DMARCPolicy is the p= tag of a domain's DMARC record.
type DMARCPolicy string

const (
	DMARCUnknown    DMARCPolicy = ""       // never looked, or no answer yet
	DMARCAbsent     DMARCPolicy = "absent" // there is no record
	DMARCNone       DMARCPolicy = "none"
	DMARCQuarantine DMARCPolicy = "quarantine"
	DMARCReject     DMARCPolicy = "reject"
)

// DMARC is what a domain asks of receivers (RFC 9989). The zero value is relaxed
// alignment under an unknown policy.
type DMARC struct {
	Policy     DMARCPolicy
	StrictDKIM bool // adkim=s
	StrictSPF  bool // aspf=s
	Checked    time.Time
}

// Standing is what the DNS of one domain says about us. It is not changed once it
// is in a Table; a new one takes its place.
type Standing struct {
	Domain     message.Domain
	SPF        Mechanism            // every sending IP passes for the domain
	DKIM       map[string]Mechanism // by selector: our public key is there
	ReturnPath Mechanism            // the tenant's return-path name is ours, and its SPF passes
	DMARC      DMARC
}
