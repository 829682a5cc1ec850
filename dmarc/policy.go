package dmarc

import "onbehalf/message"

// Policy is what a domain wants done with mail that fails: the p= tag of its record.
type Policy string

const (
	Unknown    Policy = ""       // never looked up, or no answer yet
	Absent     Policy = "absent" // there is no record
	None       Policy = "none"
	Quarantine Policy = "quarantine"
	Reject     Policy = "reject"
)

var severity = map[Policy]int{Unknown: 0, Absent: 1, None: 2, Quarantine: 3, Reject: 4}

// Stricter returns the stricter one of two policies. Unknown is the least.
func (p Policy) Stricter(other Policy) Policy {
	if severity[other] > severity[p] {
		return other
	}
	return p
}

// Asks is what a domain asks of receivers. The zero Asks is relaxed alignment under a policy that
// is not known.
type Asks struct {
	Policy     Policy
	StrictDKIM bool // adkim=s
	StrictSPF  bool // aspf=s
	// Organizational is the organizational domain by the tree walk; zero: not known.
	Organizational message.Domain
}

// Stricter returns what satisfies receivers that read the one as well as those that read the
// other. The organizational domain stays.
func (a Asks) Stricter(other Asks) Asks {
	a.Policy = a.Policy.Stricter(other.Policy)
	a.StrictDKIM = a.StrictDKIM || other.StrictDKIM
	a.StrictSPF = a.StrictSPF || other.StrictSPF
	return a
}
