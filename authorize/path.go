package authorize

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/message"
	"onbehalf/tenant"
)

// returnPath looks whether mail to the name comes to us, whether its SPF passes,
// and whether receivers see it as one organization with the domain.
func (l *look) returnPath(s Subject, policy tenant.DMARC) Finding {
	where, found, err := l.destination(s.ReturnPath)
	switch {
	case err != nil:
		return unanswered(err)
	case where == nil && len(found) == 0:
		return l.absentPath(s)
	case where != nil:
		return finding(Missing, PathElsewhere, found, replace, "mail to %s goes to %s, which is not ours, so bounces would be lost", s.ReturnPath, strings.Join(where, ", "))
	}
	if unaligned := l.misalignment(s, policy); unaligned != nil {
		return *unaligned
	}
	switch spf, _ := l.spf(s.ReturnPath); spf.Verdict {
	case Unanswered:
		return spf
	case There:
		return finding(There, PathOurs, append(found, spf.Found...), "", "%s is ours, and %s", s.ReturnPath, spf.Text)
	default:
		return finding(Missing, PathSPF, append(found, spf.Found...), spf.Remedy, "%s leads to us, but %s", s.ReturnPath, spf.Text)
	}
}

func (l *look) absentPath(s Subject) Finding {
	for _, zone := range []message.Domain{s.Domain, s.ReturnPath.Organizational()} {
		wrong := again(s.ReturnPath.String(), zone)
		if answer, err := l.dns.Ask(l.ctx, wrong, dns.TypeMX); err == nil && (len(answer.Records) > 0 || len(answer.Chain) > 1) {
			return finding(Missing, PathWrongZone, nil, fmt.Sprintf("enter the name without %s at its end; the DNS program appends that by itself", zone),
				"%s does not exist; it was published as %s, with the domain's name twice", s.ReturnPath, wrong)
		}
	}
	return finding(Missing, PathAbsent, nil, askDNS, "%s does not exist, or takes no mail", s.ReturnPath)
}

// destination follows mail for a name (RFC 5321 section 5.1). Elsewhere names the hosts
// that are not ours; found is what DNS has. Neither: there is nothing.
func (l *look) destination(name message.Domain) (elsewhere, found []string, err error) {
	mx, err := l.dns.Ask(l.ctx, name.String(), dns.TypeMX)
	if err != nil {
		return nil, nil, err
	}
	bounce := l.Platform.Bounce.String()
	if slices.Contains(mx.Chain[1:], bounce) {
		return nil, []string{"CNAME " + bounce}, nil
	}
	hosts := mx.Hosts()
	for _, host := range hosts {
		found = append(found, "MX "+host)
	}
	if len(hosts) == 0 { // the name itself is the host
		addrs, err := l.addressesOf(name.String())
		if err != nil || len(addrs) == 0 {
			return nil, nil, err
		}
		hosts, found = []string{name.String()}, []string{"A " + addresses(addrs)}
	}
	for _, host := range hosts {
		ours, err := l.isOurs(host)
		if err != nil {
			return nil, nil, err
		}
		if !ours {
			elsewhere = append(elsewhere, cmp.Or(host, "nowhere (a null MX)"))
		}
	}
	return elsewhere, found, nil
}

// isOurs tells whether a host takes mail for us: it is one that takes it for our bounce domain,
// or has an address of ours.
func (l *look) isOurs(host string) (bool, error) {
	bounce := l.Platform.Bounce.String()
	home, err := l.dns.Ask(l.ctx, bounce, dns.TypeMX)
	if err != nil {
		return false, err
	}
	if host == bounce || slices.Contains(home.Hosts(), host) {
		return true, nil
	}
	addrs, err := l.addressesOf(host)
	return len(addrs) > 0 && !slices.ContainsFunc(addrs, func(a netip.Addr) bool {
		return !slices.Contains(l.Platform.SendingIPs, a)
	}), err
}

func (l *look) addressesOf(host string) ([]netip.Addr, error) {
	if host == "" { // null MX (RFC 7505)
		return nil, nil
	}
	var addrs []netip.Addr
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		answer, err := l.dns.Ask(l.ctx, host, qtype)
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, answer.Addresses()...)
	}
	return addrs, nil
}

// misalignment finds that receivers which walk the tree see two organizations where
// the public suffix list sees one.
func (l *look) misalignment(s Subject, policy tenant.DMARC) *Finding {
	switch policy.Policy {
	case tenant.DMARCUnknown:
		f := unanswered(errors.New("the DMARC policy, and with it alignment, is not known"))
		return &f
	case tenant.DMARCAbsent:
		return nil
	}
	walked, _, err := l.walk(s.ReturnPath)
	if err != nil {
		f := unanswered(err)
		return &f
	}
	if org := organizational(s.ReturnPath, walked); org != policy.Organizational {
		f := finding(Missing, PathUnaligned, nil, "choose a return path within "+policy.Organizational.String()+", or take psd= out of the DMARC records",
			"receivers take %s for another organization (%s) than %s (%s)", s.ReturnPath, org, s.Domain, policy.Organizational)
		return &f
	}
	return nil
}
