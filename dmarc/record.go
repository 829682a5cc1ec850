package dmarc

import (
	"cmp"
	"errors"
	"strings"
)

// Record is a DMARC policy record (RFC 9989 section 4.7).
type Record struct {
	Policy     Policy // p=
	Subdomains Policy // sp=; p= if absent
	Absent     Policy // np=, of subdomains that do not exist; sp= if absent
	StrictDKIM bool   // adkim=s
	StrictSPF  bool   // aspf=s
	Suffix     string // psd=: y, n, or u, which is the default
}

// IsRecord reports whether receivers take a TXT record for a DMARC record, a faulty one
// perhaps: it begins with v=DMARC1. As in all tags, the name may be in upper case, and the
// version may not (section 4.8).
func IsRecord(text string) bool {
	version, _, _ := strings.Cut(text, ";")
	name, value, _ := strings.Cut(version, "=")
	return strings.ToLower(strings.Trim(name, blank)) == "v" && strings.Trim(value, blank) == "DMARC1"
}

// Parse reads a record for which IsRecord holds. What it cannot read counts as
// not there (RFC 9989 section 4.7). Without a policy that can be read it is none if there
// is a rua= tag (section 4.10.1), else an error: receivers then act as if there were
// no record. A np= that cannot be read counts as not there, too: receivers by RFC 7489, which
// does not know it, apply the rest of the record.
func Parse(text string) (Record, error) {
	values := lenient(text)
	d := Record{Suffix: "u"}
	d.StrictDKIM = strings.EqualFold(values["adkim"], "s")
	d.StrictSPF = strings.EqualFold(values["aspf"], "s")
	if s := strings.ToLower(values["psd"]); s == "y" || s == "n" {
		d.Suffix = s
	}
	d.Policy = policy(values["p"])
	faulty := d.Policy == Unknown || isFaulty(values, "sp")
	if faulty && !strings.Contains(values["rua"], ":") {
		return d, errors.New("its p= or sp= is not one of none, quarantine and reject")
	}
	if faulty {
		d.Policy, d.Subdomains, d.Absent = None, None, None
		return d, nil
	}
	d.Subdomains = cmp.Or(policy(values["sp"]), d.Policy)
	d.Absent = cmp.Or(policy(values["np"]), d.Subdomains)
	return d, nil
}

// blank is folding white space: it may stand around names and values.
const blank = " \t\r\n"

// lenient reads tags and passes over what is none.
func lenient(text string) map[string]string {
	values := make(map[string]string)
	for spec := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(spec, "=")
		name = strings.ToLower(strings.Trim(name, blank))
		if _, twice := values[name]; !twice {
			values[name] = strings.Trim(value, blank)
		}
	}
	return values
}

func isFaulty(values map[string]string, name string) bool {
	value, found := values[name]
	return found && policy(value) == Unknown
}

// policy returns the policy that a tag names; Unknown: none.
func policy(value string) Policy {
	switch p := Policy(strings.ToLower(value)); p {
	case None, Quarantine, Reject:
		return p
	}
	return Unknown
}
