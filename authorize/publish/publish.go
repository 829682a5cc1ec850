package publish

import (
	"errors"
	"net/netip"
	"strings"

	"onbehalf/authorize/resolve"
	"onbehalf/message"
)

// Purpose is what a record is for.
type Purpose string

const (
	SPF     Purpose = "spf"
	DKIM    Purpose = "dkim"
	Bounces Purpose = "bounces" // a return path, or the bounce domain
	Replies Purpose = "replies" // the domain of reply addresses
	DMARC   Purpose = "dmarc"
)

// Record is one record to publish, and what is there now.
type Record struct {
	Purpose    Purpose        `json:"purpose"`
	Name       string         `json:"name"`                 // absolute, without a final dot
	Relative   string         `json:"relative"`             // Name as it is entered in its zone; @ is the zone itself
	Zone       message.Domain `json:"zone"`                 // by the public suffix list
	Type       string         `json:"type"`                 // TXT, CNAME or MX
	Value      string         `json:"value"`                // text of a TXT, target of the others; empty: not shown, because DNS did not answer, or a remark says why
	Preference uint16         `json:"preference,omitempty"` // of an MX
	Why        string         `json:"why"`                  // what it does: a sentence without its subject and full stop
	// At is where it must stand when Name is an alias: the name that the alias leads to. Nothing
	// can stand beside a CNAME (RFC 1034 section 3.6.2).
	At       string `json:"at,omitempty"`
	Done     bool   `json:"done"`
	Optional bool   `json:"optional,omitempty"`
	// Present is what stands at the name now and has to do with the purpose: of a
	// record that is Done, itself; of others, what it replaces.
	Present      []string `json:"present,omitempty"`
	PresentError string   `json:"present_error,omitempty"` // why Present is not known
	Unasked      bool     `json:"unasked,omitempty"`       // DNS was not asked what is there
	Remarks      []string `json:"remarks,omitempty"`
	// Instead are the records to publish when this one cannot be.
	Instead []Record `json:"instead,omitempty"`
}

// newRecord makes a record whose name lies within the zone.
func newRecord(purpose Purpose, name string, zone message.Domain, kind, value, why string) Record {
	relative := "@"
	if name != zone.String() {
		relative = strings.TrimSuffix(name, "."+zone.String())
	}
	return Record{Purpose: purpose, Name: name, Relative: relative, Zone: zone, Type: kind, Value: value, Why: why}
}

func (r *Record) remark(texts ...string) { r.Remarks = append(r.Remarks, texts...) }

// unanswered notes that DNS did not answer.
func (r *Record) unanswered(err error) {
	if failed := new(resolve.Error); errors.As(err, &failed) && failed.Name == r.Name {
		err = failed.Cause
	}
	r.PresentError = strings.ReplaceAll(err.Error(), "\n", "; ")
}

// State says in a word or two what is to be done.
func (r Record) State() string {
	switch {
	case r.Done:
		return "done"
	case r.PresentError != "":
		return "unknown"
	case r.Unasked:
		return "not asked"
	case r.Optional:
		return "optional"
	}
	return "to do"
}

// Sheet is all that one administrator has to publish.
type Sheet struct {
	Tenant   string         `json:"tenant,omitempty"` // id; empty: the platform itself
	Title    string         `json:"title"`            // for people
	Platform message.Domain `json:"platform"`
	By       string         `json:"by"`             // name of the platform
	Hosts    []netip.Addr   `json:"hosts"`          // that its mail comes from
	From     []string       `json:"from,omitempty"` // domain patterns of the tenant, for people
	Records  []Record       `json:"records"`
	Below    []Record       `json:"below,omitempty"`   // of a wildcard: what each name below needs, as NAME
	Remarks  []string       `json:"remarks,omitempty"` // for who publishes
	Steps    []string       `json:"steps,omitempty"`   // what the forms of DNS providers want, a line for each
	Notes    []string       `json:"notes,omitempty"`   // for the platform's administrator alone
	// OwnServer says why the tenant's own mail server may refuse mail of its domains; empty:
	// nothing is known against it.
	OwnServer string `json:"own_server,omitempty"`
	Allow     *Allow `json:"allow,omitempty"` // nil: nothing is delivered to the tenant directly

	// Absent are domains of the tenant that do not exist, so that nobody can publish anything.
	Absent []message.Domain `json:"absent,omitempty"`
	// Unready are names of the platform that aliases lead to, and that have no key yet.
	Unready []string `json:"unready,omitempty"`

	// Judged are the domains that the records are for, and what was found about each.
	Judged []Judged `json:"-"`

	has map[string]bool
}

// add puts records in, each once.
func (s *Sheet) add(records ...Record) {
	if s.has == nil {
		s.has = make(map[string]bool)
	}
	for _, r := range records {
		if key := r.Name + " " + r.Type + " " + string(r.Purpose); !s.has[key] {
			s.has[key] = true
			s.Records = append(s.Records, r)
		}
	}
}

// addOf puts in the records for a mechanism (spf, dkim, return_path or dmarc) of some domains.
func (s *Sheet) addOf(mechanism string, judged ...Judged) {
	for _, j := range judged {
		for _, i := range j.Items {
			if strings.HasPrefix(i.Mechanism, mechanism) {
				s.add(i.records...)
			}
		}
	}
}

// Unanswered returns the records that DNS did not answer about, each with the reason.
func (s Sheet) Unanswered() []string {
	var all []string
	for _, r := range s.Records {
		if r.PresentError != "" {
			all = append(all, r.Name+" "+r.Type+": "+r.PresentError)
		}
	}
	return all
}

// count returns how many records have the state.
func (s Sheet) count(state string) int {
	n := 0
	for _, r := range s.Records {
		if r.State() == state {
			n++
		}
	}
	return n
}
