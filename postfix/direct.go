package postfix

import (
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
)

// directFindings looks for what keeps directly delivered mail from its way.
func (c Configuration) directFindings(w Wanted, lookup Lookup) []Finding {
	a := &asker{lookup: lookup}
	all := c.loops(w)
	if w.Socketmap == "" {
		return all
	}
	if !slices.ContainsFunc(c.Services("smtp"), isDirect) {
		all = append(all, Finding{Level: Error, What: "master.cf has no service " + DirectService + " that is smtp(8)",
			Why: "our transport table sends directly delivered mail by it",
			Fix: "add it, then reload Postfix", Commands: []string{"postconf -M 'smtp/unix=smtp unix - - - - - smtp'", reload}})
	}
	all = append(all, c.orderFindings("transport_maps", w, a)...)
	all = append(all, c.orderFindings("smtp_tls_policy_maps", w, a)...)
	all = append(all, c.authorities(w)...)
	all = append(all, c.classFindings(w, a)...)
	return append(all, a.failed...)
}

func isDirect(s Service) bool { return s.Name == DirectService }

// loops finds next hops that are this host by what Postfix says of it. Those that the
// configuration of onbehalf shows are refused there.
func (c Configuration) loops(w Wanted) []Finding {
	var all []Finding
	for _, d := range w.Direct {
		for _, setting := range []string{"myhostname", "mydestination", "proxy_interfaces", "inet_interfaces"} {
			if slices.ContainsFunc(c.list(setting), func(one string) bool { return sameHost(d.Host, one) }) {
				all = append(all, Finding{Level: Error, What: fmt.Sprintf("the next hop of tenant %s, %s, is this host by %s", d.Tenant, d.NextHop, setting),
					Why:      "mail for " + List(d.Domains) + " would come back here in a loop, and bounce",
					Fix:      "write the tenant's own mail server into direct.next_hop, and reload",
					Commands: []string{"onbehalf check-config && systemctl reload onbehalf"}})
				break
			}
		}
	}
	return all
}

// sameHost compares names or addresses.
func sameHost(host, place string) bool {
	if addr, err := netip.ParseAddr(strings.Trim(place, "[]")); err == nil {
		return host == addr.Unmap().String()
	}
	return strings.EqualFold(strings.TrimSuffix(place, "."), host)
}

// bundle has the certificates of all authorities on Debian and many others.
const bundle = "/etc/ssl/certs/ca-certificates.crt"

// authorities looks whether smtp(8) trusts any authority, where a tenant wants certificates to be
// verified. It reads smtp_tls_CAfile before it enters its chroot, and smtp_tls_CApath after
// (postconf(5)).
func (c Configuration) authorities(w Wanted) []Finding {
	var verifying []string
	for _, d := range w.Direct {
		if d.TLS == "verify" {
			verifying = append(verifying, d.Tenant)
		}
	}
	if len(verifying) == 0 {
		return nil
	}
	service, folder := Service{Name: DirectService}, c.OfClient("smtp_tls_CApath")
	if all := slices.DeleteFunc(c.Services("smtp"), func(s Service) bool { return !isDirect(s) }); len(all) > 0 {
		service = all[0]
	}
	seen := c.seenBy(service, folder)
	f := Finding{Fix: "name the authorities, then reload Postfix", Commands: []string{"postconf -e 'smtp_tls_CAfile = " + bundle + "'", reload}}
	switch {
	case c.OfClient("smtp_tls_CAfile") != "", c.OfClient("tls_append_default_CA") == "yes":
		f = Finding{What: fmt.Sprintf("smtp(8) trusts authorities to verify the servers of %s by (smtp_tls_CAfile, or the system's own)", List(verifying))}
	case folder == "":
		f.Level, f.What = Error, fmt.Sprintf("smtp(8) trusts no authority, and direct.tls is verify for %s", List(verifying))
		f.Why = "smtp_tls_CAfile and smtp_tls_CApath are empty: no certificate can be verified, and the mail waits"
	case holdsCertificates(seen):
		f = Finding{What: fmt.Sprintf("smtp(8) finds authorities to verify the servers of %s by in %s", List(verifying), seen)}
	default:
		f.Level, f.What = Warning, fmt.Sprintf("%s holds no certificates, and direct.tls is verify for %s", seen, List(verifying))
		f.Why = "smtp_tls_CApath is read from there"
		if service.Chrooted {
			f.Why += ", inside the chroot; Debian copies certificates there when Postfix is started"
			f.Fix = "start Postfix again; where that copies none, name a file, which is read before the chroot is entered"
			f.Commands = append([]string{"systemctl restart postfix"}, f.Commands...)
		}
		f.Why += ". Without them no certificate is verified, and the mail waits"
	}
	return []Finding{f}
}

// hashed are the names by which OpenSSL finds a certificate in a folder.
var hashed = regexp.MustCompile(`^[0-9a-f]{8}\.[0-9]+$`)

func holdsCertificates(folder string) bool {
	entries, _ := os.ReadDir(folder)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return hashed.MatchString(e.Name()) })
}
