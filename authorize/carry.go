package authorize

import (
	"slices"

	"onbehalf/tenant"
)

// Carried is what a standing is worth for a target, which may want something else than the
// standing was of.
type Carried struct {
	Standing tenant.Standing // what of it still holds
	New      bool            // something is wanted that was not looked up yet
	Same     bool            // it was of all that is wanted, and of no more
}

// AddressesOf names the platform's sending IPs as the SPF of a standing is of them (Mechanism.Of).
func AddressesOf(p *tenant.Platform) string { return addresses(p.SendingIPs) }

// Carry fits a known standing to the target, on a platform that sends from the addresses. The zero
// Standing is known of a domain that was never looked up.
func (s Target) Carry(known tenant.Standing, addresses string) Carried {
	wanted := s.wants(addresses)
	fitted := fit(known, wanted)
	same := known.SPF.Of == wanted.SPF.Of && known.ReturnPath.Of == wanted.ReturnPath.Of &&
		slices.EqualFunc(known.DKIM, wanted.DKIM, func(a, b tenant.KeyStanding) bool { return a.Name == b.Name && a.Of == b.Of })
	return Carried{Standing: fitted, New: isNews(fitted, wanted), Same: same}
}
