package authorize

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

// returnPath looks whether mail to the name comes to us, whether its SPF passes,
// and whether receivers see it as one organization with the domain.
func (l *lookup) returnPath(s Target, policy tenant.DMARC) Finding {
	where, found, err := l.destination(s.ReturnPath)
	switch {
	case err != nil:
		return unreadable(PathTooLarge, err)
	case where == nil && len(found) == 0:
		return l.absentPath(s)
	case slices.Equal(where, []string{nowhere}):
		return finding(Missing, PathElsewhere, found, replace, "%s takes no mail (a null MX), so bounces would be lost", s.ReturnPath)
	case where != nil:
		return finding(Missing, PathElsewhere, found, replace, "%s to %s goes to %s: not to us, so bounces would be lost", share(where, found), s.ReturnPath, few(where))
	}
	if unaligned := l.misalignment(s, policy); unaligned != nil {
		return *unaligned
	}
	switch spf, _ := l.spf(s.ReturnPath); spf.Verdict {
	case Unanswered:
		return spf
	case There:
		return finding(There, PathOurs, append(found, spf.Found...), "", "%s leads to us, and %s", s.ReturnPath, spf.Text)
	default:
		remedy := spf.Remedy
		if target, isAlias := strings.CutPrefix(found[0], alias); isAlias { // beside a CNAME nothing else can stand
			remedy = fmt.Sprintf("have the SPF record of %s fixed, because the CNAME points there", target)
		}
		return finding(Missing, PathSPF, append(found, spf.Found...), remedy, "%s leads to us, but %s", s.ReturnPath, spf.Text)
	}
}

// alias begins what destination found of a CNAME, and nowhere is what it says of a null MX.
const (
	alias   = "CNAME "
	nowhere = "nowhere (a null MX)"
)

// share reports whether it is all mail that goes elsewhere.
func share(elsewhere, found []string) string {
	aliases := 0
	if strings.HasPrefix(found[0], alias) {
		aliases = 1
	}
	if len(elsewhere) < len(found)-aliases {
		return "some mail"
	}
	return "mail"
}

// few names the first of many.
func few(names []string) string {
	const most = 3
	if len(names) <= most+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d others", strings.Join(names[:most], ", "), len(names)-most)
}

func (l *lookup) absentPath(s Target) Finding {
	for _, zone := range zones(s.Domain) {
		wrong := again(s.ReturnPath.String(), zone)
		if answer, err := l.dns.To(wrong, dns.TypeMX); err == nil && (len(answer.Records) > 0 || len(answer.Chain) > 1) {
			return finding(Missing, PathWrongZone, nil, fmt.Sprintf("enter the name without %s at its end; the DNS program appends that by itself", zone),
				"%s does not exist; it was published as %s, with %s twice", s.ReturnPath, wrong, zone)
		}
	}
	if answer, err := l.dns.To(s.ReturnPath.String(), dns.TypeMX); err == nil && len(answer.Chain) > 1 {
		return finding(Missing, PathAbsent, []string{alias + answer.Target()}, checkTarget(answer.Target(), s.ReturnPath, "have it take mail"),
			"%s is a CNAME to %s, which does not exist or takes no mail", s.ReturnPath, answer.Target())
	}
	return finding(Missing, PathAbsent, nil, publishIt, "%s does not exist, or takes no mail", s.ReturnPath)
}

// destination follows mail for a name (RFC 5321 section 5.1). Elsewhere names the hosts
// that are not ours; found is what DNS has. Neither: there is nothing.
func (l *lookup) destination(name message.Domain) (elsewhere, found []string, err error) {
	mx, err := l.dns.To(name.String(), dns.TypeMX)
	if err != nil {
		return nil, nil, err
	}
	bounce := l.platform.Bounce.String()
	if slices.Contains(mx.Chain[1:], bounce) {
		return nil, []string{alias + bounce}, nil
	}
	if len(mx.Chain) > 1 {
		found = append(found, alias+mx.Target())
	}
	hosts := mx.Hosts()
	if len(hosts) == 0 { // the name itself is the host
		return l.implicit(mx.Target(), found)
	}
	takes := l.isOurs
	if name == l.platform.Bounce { // it is we who say where our bounces go
		takes = l.hasAddress
	}
	for _, host := range hosts {
		found = append(found, "MX "+cmp.Or(host, "."))
		ours, err := takes(host)
		if err != nil {
			return nil, nil, err
		}
		if !ours {
			elsewhere = append(elsewhere, cmp.Or(host, nowhere))
		}
	}
	return elsewhere, found, nil
}

// implicit is destination for a name without MX.
func (l *lookup) implicit(host string, before []string) (elsewhere, found []string, err error) {
	addrs, err := l.addressesOf(host)
	if err != nil || len(addrs) == 0 {
		return nil, nil, err
	}
	found = before
	ours, err := l.isOurs(host)
	for _, addr := range addrs {
		found = append(found, map[bool]string{true: "A ", false: "AAAA "}[addr.Is4()]+addr.String())
		if !ours && !slices.Contains(l.platform.SendingIPs, addr) {
			elsewhere = append(elsewhere, addr.String())
		}
	}
	return elsewhere, found, err
}

// isOurs reports whether a host takes mail for us: it is one that takes it for our bounce domain,
// or has an address of ours.
func (l *lookup) isOurs(host string) (bool, error) {
	if host == "" { // null MX (RFC 7505)
		return false, nil
	}
	bounce := l.platform.Bounce.String()
	home, err := l.dns.To(bounce, dns.TypeMX)
	if err != nil {
		return false, err
	}
	if host == bounce || slices.Contains(home.Hosts(), host) {
		return true, nil
	}
	addrs, err := l.addressesOf(host)
	return len(addrs) > 0 && !slices.ContainsFunc(addrs, func(a netip.Addr) bool {
		return !slices.Contains(l.platform.SendingIPs, a)
	}), err
}

func (l *lookup) hasAddress(host string) (bool, error) {
	addrs, err := l.addressesOf(host)
	return len(addrs) > 0, err
}

func (l *lookup) addressesOf(host string) ([]netip.Addr, error) {
	var addrs []netip.Addr
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		answer, err := l.dns.To(host, qtype)
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, answer.Addresses()...)
	}
	return addrs, nil
}

// misalignment finds that receivers which walk the tree see two organizations where
// the public suffix list sees one.
func (l *lookup) misalignment(s Target, policy tenant.DMARC) *Finding {
	switch policy.Policy {
	case dmarc.Unknown:
		f := unanswered(errors.New("the DMARC policy, and with it alignment, is not known"))
		return &f
	case dmarc.Absent:
		return nil
	}
	org, err := l.organizational(s.ReturnPath)
	if err != nil {
		f := unanswered(err)
		return &f
	}
	author := dmarc.Author{Domain: s.Domain, Asks: policy.Asks()}
	if !author.SameOrganization(dmarc.Authenticated{Domain: s.ReturnPath, Organizational: org}) {
		f := finding(Missing, PathUnaligned, nil, "choose a return path within "+policy.Organizational.String()+", or take psd= out of the DMARC records",
			"receivers take %s for another organization (%s) than %s (%s)", s.ReturnPath, org, s.Domain, policy.Organizational)
		return &f
	}
	return nil
}
