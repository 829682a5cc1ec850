package probe

import (
	"strings"

	"onbehalf/tenant"
)

// Outcome is what would become of mail under one setting of direct.tls.
type Outcome struct {
	TLS    tenant.TLS `json:"tls"`
	Leaves bool       `json:"leaves"` // else it waits
	Text   string     `json:"text"`   // a sentence without a full stop
}

// outcomes compares the three settings, by what a host offers; none where that is not known.
func outcomes(h Host) []Outcome {
	if !h.greeted() {
		return nil
	}
	waits := ""
	switch {
	case h.Session == nil:
		waits = "mail waits: the server offers no STARTTLS"
	case h.Session.Trouble.Kind != "":
		waits = "mail waits: " + h.Session.Trouble.Text
	}
	if waits != "" {
		return []Outcome{{tenant.TLSMay, true, "mail goes in plain text"}, {tenant.TLSEncrypt, false, waits}, {tenant.TLSVerify, false, waits}}
	}
	const encrypted = "mail goes encrypted"
	return []Outcome{{tenant.TLSMay, true, encrypted}, {tenant.TLSEncrypt, true, encrypted}, verified(h)}
}

func verified(h Host) Outcome {
	var faults []string
	for _, fault := range h.Session.Certificate.Faults {
		faults = append(faults, fault.Text)
	}
	switch {
	case h.Name.IsZero():
		return Outcome{tenant.TLSVerify, false, "cannot be set: an address has no name that a certificate could have"}
	case len(faults) > 0:
		return Outcome{tenant.TLSVerify, false, "mail waits: " + strings.Join(faults, "; ")}
	}
	return Outcome{tenant.TLSVerify, true, "mail goes encrypted, to a server that proves its name"}
}
