package publish

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// Allow is what the mail server of a tenant must allow, so that mail can be delivered to it
// directly (tenant.Direct).
type Allow struct {
	Domains  []message.Domain      `json:"domains"` // whose mail goes to NextHop
	NextHop  tenant.NextHop        `json:"next_hop"`
	Product  Product               `json:"product"` // a guess by the name of NextHop
	TLS      tenant.TLS            `json:"tls"`
	Envelope tenant.DirectEnvelope `json:"envelope"`
	// Senders are the domains that the tenant's mail has in MAIL FROM, the usual one first;
	// with "*." in front, all names below.
	Senders   []string     `json:"envelope_senders"`
	Addresses []netip.Addr `json:"addresses"` // that our mail comes from
	Client    Client       `json:"client"`
	// Unproven are those of Domains that DNS does not show to be the tenant's: their mail
	// takes the ordinary way, by MX. Proofs are the names of records, each of which would
	// show it for a domain at or below which it stands.
	Unproven []message.Domain `json:"unproven,omitempty"`
	Proofs   []string         `json:"proofs,omitempty"`
	Notes    []string         `json:"notes,omitempty"` // for the platform's administrator alone
}

// allow works out what the tenant's server must allow; nil: nothing is delivered directly.
func (k task) allow(t *tenant.Tenant, judged []Judged) *Allow {
	if len(t.Direct.Domains) == 0 {
		return nil
	}
	a := &Allow{
		Domains: t.Direct.Domains, NextHop: t.Direct.NextHop, TLS: t.Direct.TLS, Envelope: t.Direct.Envelope,
		Product: k.product(t.Direct.NextHop), Senders: k.senders(t), Client: k.Client,
		Addresses: k.Platform.SendingIPs,
	}
	proven := k.proven(t, judged)
	for _, d := range a.Domains {
		if !proven[d] {
			a.Unproven = append(a.Unproven, d)
			for _, name := range k.proofs(t, d) {
				if !slices.Contains(a.Proofs, name) {
					a.Proofs = append(a.Proofs, name)
				}
			}
		}
	}
	a.Notes = k.allowNotes(t, a)
	return a
}

// proven returns the direct domains of a tenant that DNS shows to be its own.
func (k task) proven(t *tenant.Tenant, judged []Judged) map[message.Domain]bool {
	all := make(map[message.Domain]bool)
	tenants := k.Tenants
	if !slices.Contains(tenants, t) {
		tenants = append(slices.Clone(tenants), t)
	}
	table, err := tenant.NewTable(k.Platform, tenants)
	if err == nil {
		err = table.SetStandings(standings(judged)...)
	}
	if err != nil { // of tenants that are in a table already, it takes all
		return all
	}
	for _, d := range t.Direct.Domains {
		all[d] = rewrite.Proven(table.Snapshot(), t, d)
	}
	return all
}

// senders are the domains that the envelope sender can have, by rewrite.Decide.
func (k task) senders(t *tenant.Tenant) []string {
	var all []string
	switch {
	case t.Direct.Envelope == tenant.EnvelopeAuthor:
		for _, p := range t.Domains {
			all = append(all, p.String())
		}
		return all
	case !t.ReturnPath.IsZero():
		all = append(all, t.ReturnPath.String())
	}
	return append(all, k.Platform.Bounce.String())
}

// proofs are the names of the records by which rewrite.Proven knows a domain.
func (k task) proofs(t *tenant.Tenant, d message.Domain) []string {
	if t.Authorization != tenant.Auto {
		return nil
	}
	var all []string
	for up := d; !up.IsZero(); up = up.Parent() {
		for _, id := range k.Keys.Held(t.Identities) {
			if id.SDID == up {
				all = append(all, id.String())
			}
		}
		apex := slices.ContainsFunc(t.Domains, func(p tenant.Pattern) bool { return p.Domain == up })
		if apex && t.ReturnPath.Below(up) {
			all = append(all, t.ReturnPath.String())
		}
	}
	return all
}

// allowNotes are what the platform has to do.
func (k task) allowNotes(t *tenant.Tenant, a *Allow) []string {
	var all []string
	note := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	switch c := a.Client; {
	case c.HELO == "":
		note("HELO name and certificate of the mail host are not known here (%s), and left out of the letter; on the mail host, as root, %s prints the name and the files, and %s the names in each file",
			cmp.Or(c.Unknown, "Postfix was not asked"), askClient, askCertificate)
	case c.Unknown != "":
		note("%s; it is left out of the letter", c.Unknown)
	}
	if len(a.Unproven) > 0 && len(a.Proofs) == 0 {
		note("nothing can prove that %s is the tenant's, so nothing is delivered directly: give the tenant a DKIM key (onbehalf keygen) or a return_path, and leave its authorization auto", listOf(a.Unproven))
	}
	if t.Policy.Mode == tenant.Shadow {
		note("mode is shadow, so nothing is delivered directly yet")
	}
	if a.Product == ExchangeOnline && len(a.ipv4()) < len(a.Addresses) {
		note("a connector of Exchange Online takes public IPv4 addresses only; mail from another address is refused where the connector goes by addresses, so send to %s by IPv4, or use the certificate", a.NextHop)
	}
	return all
}

// public are the addresses that a server on the Internet can see.
func (a Allow) public() []netip.Addr {
	return slices.DeleteFunc(slices.Clone(a.Addresses), func(ip netip.Addr) bool { return !Public(ip) })
}

// ipv4 are the public ones of IPv4.
func (a Allow) ipv4() []netip.Addr {
	return slices.DeleteFunc(a.public(), func(ip netip.Addr) bool { return !ip.Is4() })
}
