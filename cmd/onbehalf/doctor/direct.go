package doctor

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"onbehalf/cmd/onbehalf/setup"
	"onbehalf/message"
	"onbehalf/tenant"
)

// direct looks for what of Postfix's settings keeps directly delivered mail from its way.
func (d *doctor) direct(w setup.Wanted) {
	d.hops()
	if w.Socketmap.IsZero() {
		return
	}
	d.deliverer()
	d.order("transport_maps", w)
	d.order("smtp_tls_policy_maps", w)
	d.authorities()
	d.classes()
}

// directDomains returns all directly delivered domains.
func (d *doctor) directDomains() []message.Domain {
	var all []message.Domain
	for _, t := range d.Config.Tenants {
		all = append(all, t.Direct.Domains...)
	}
	return all
}

// hops finds next hops that are this host by what Postfix says of it. Those that config can see
// are refused there.
func (d *doctor) hops() {
	for _, t := range d.directTenants(func(*tenant.Tenant) bool { return true }) {
		for _, setting := range []string{"myhostname", "mydestination", "proxy_interfaces", "inet_interfaces"} {
			if slices.ContainsFunc(d.Postfix.Words(setting), func(one string) bool { return leadsTo(t.Direct.NextHop, one) }) {
				d.add(Finding{Level: Error, What: fmt.Sprintf("the next hop of tenant %s, %s, is this host by %s", t.ID, t.Direct.NextHop, setting),
					Why:      "mail for " + list(texts(t.Direct.Domains)) + " would come back here in a loop, and bounce",
					Mend:     "write the tenant's own mail server into direct.next_hop, and reload",
					Commands: []string{"onbehalf check-config && systemctl reload onbehalf"}})
				break
			}
		}
	}
}

func leadsTo(hop tenant.NextHop, place string) bool {
	if addr, err := netip.ParseAddr(strings.Trim(place, "[]")); err == nil {
		return hop.Addr == addr.Unmap()
	}
	return !hop.Name.IsZero() && strings.EqualFold(strings.TrimSuffix(place, "."), hop.Name.String())
}

func texts(domains []message.Domain) []string {
	var all []string
	for _, d := range domains {
		all = append(all, d.String())
	}
	return all
}

// bundle has the certificates of all authorities on Debian and many others.
const bundle = "/etc/ssl/certs/ca-certificates.crt"

// authorities looks whether smtp(8) trusts any authority, where a tenant wants certificates to be
// verified. It reads smtp_tls_CAfile before it enters its chroot, and smtp_tls_CApath after
// (postconf(5)).
func (d *doctor) authorities() {
	verifying := d.directTenants(func(t *tenant.Tenant) bool { return t.Direct.TLS == tenant.TLSVerify })
	if len(verifying) == 0 {
		return
	}
	service := d.directService()
	get := func(setting string) string { value, _ := d.Postfix.Of(service, setting); return value }
	folder := get("smtp_tls_CApath")
	f := Finding{Mend: "name the authorities, then reload Postfix", Commands: []string{"postconf -e 'smtp_tls_CAfile = " + bundle + "'", "postfix reload"}}
	switch {
	case get("smtp_tls_CAfile") != "", get("tls_append_default_CA") == "yes":
		d.ok("smtp(8) trusts authorities to verify the servers of %s by (smtp_tls_CAfile, or the system's own)", tenants(verifying))
		return
	case folder == "":
		f.Level, f.What = Error, fmt.Sprintf("smtp(8) trusts no authority, and direct.tls is verify for %s", tenants(verifying))
		f.Why = "smtp_tls_CAfile and smtp_tls_CApath are empty: no certificate can be verified, and the mail waits"
	case !holdsCertificates(d.seenBy(service, folder)):
		f.Level, f.What = Warning, fmt.Sprintf("%s holds no certificates, and direct.tls is verify for %s", d.seenBy(service, folder), tenants(verifying))
		f.Why = "smtp_tls_CApath is read from there"
		if service.Chrooted {
			f.Why += ", inside the chroot; Debian copies certificates there when Postfix is started"
			f.Mend = "start Postfix again; where that copies none, name a file, which is read before the chroot is entered"
			f.Commands = append([]string{"systemctl restart postfix"}, f.Commands...)
		}
		f.Why += ". Without them no certificate is verified, and the mail waits"
	default:
		d.ok("smtp(8) finds authorities to verify the servers of %s by in %s", tenants(verifying), d.seenBy(service, folder))
		return
	}
	d.add(f)
}

// deliverer looks for the service that our transport table names.
func (d *doctor) deliverer() {
	if slices.ContainsFunc(d.Postfix.ReadsTables("smtp_tls_policy_maps"), func(s setup.Service) bool { return s.Name == setup.DirectService }) {
		return
	}
	d.add(Finding{Level: Error, What: "master.cf has no service " + setup.DirectService + " that is smtp(8)", Why: "our transport table sends directly delivered mail by it",
		Mend: "add it, then reload Postfix", Commands: []string{"postconf -M 'smtp/unix=smtp unix - - - - - smtp'", "postfix reload"}})
}

// setup.DirectService returns the service that our transport table sends mail by.
func (d *doctor) directService() setup.Service {
	for _, s := range d.Postfix.ReadsTables("smtp_tls_policy_maps") {
		if s.Name == setup.DirectService {
			return s
		}
	}
	return setup.Service{Name: setup.DirectService}
}

// seenBy returns where a path leads to for a service.
func (d *doctor) seenBy(s setup.Service, path string) string {
	if s.Chrooted {
		return filepath.Join(d.Postfix.Queue(), path)
	}
	return path
}

// hashed are the names by which OpenSSL finds a certificate in a folder.
var hashed = regexp.MustCompile(`^[0-9a-f]{8}\.[0-9]+$`)

func holdsCertificates(folder string) bool {
	entries, _ := os.ReadDir(folder)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool { return hashed.MatchString(e.Name()) })
}

func tenants(all []*tenant.Tenant) string {
	var ids []string
	for _, t := range all {
		ids = append(ids, t.ID)
	}
	return list(ids)
}
