package config

import (
	"fmt"
	"slices"
	"strings"

	"onbehalf/message"
	"onbehalf/remedy"
	"onbehalf/tenant"
)

// direct takes where the tenant's own mail is delivered to.
func (e *entry) direct() tenant.Direct {
	raw, path := e.raw.Direct, e.path+".direct"
	direct := tenant.Direct{
		Domains:  e.doc.domains(path+".domains", raw.Domains),
		TLS:      choice(e.doc, path+".tls", or(raw.TLS, "may"), tenant.TLSMay, tenant.TLSEncrypt, tenant.TLSVerify),
		Envelope: choice(e.doc, path+".envelope", or(raw.Envelope, "bounce"), tenant.EnvelopeBounce, tenant.EnvelopeAuthor),
	}
	switch {
	case raw.NextHop == "" && len(raw.Domains) > 0:
		e.doc.fail(path+".next_hop", "is missing, although there are domains", `write one like "[mx.example.org]:25"`)
	case raw.NextHop != "" && len(raw.Domains) == 0:
		e.doc.fail(path+".domains", "is missing, although there is a next_hop", "list the domains whose mail goes there")
	case raw.NextHop != "":
		hop, err := parseNextHop(raw.NextHop)
		if err != nil {
			e.doc.failBy(path+".next_hop", err, "")
		}
		direct.NextHop = hop
	}
	if direct.TLS == tenant.TLSVerify && direct.NextHop.Addr.IsValid() {
		e.doc.fail(path+".tls", "verify needs a host name to compare the certificate with, and next_hop is an address",
			"write the server's name into next_hop, or tls: encrypt")
	}
	return direct
}

// parseNextHop reads HOST:PORT, [HOST]:PORT or an address. Brackets turn off the lookup of
// MX records, and belong around an address that has a port.
func parseNextHop(s string) (tenant.NextHop, error) {
	bad := remedy.New(`write one like "[mx.example.org]:25"`, "%s is not a next hop", Quoted(s))
	if !quotable(s) {
		return tenant.NextHop{}, bad
	}
	host, port, hasPort := cutLast(s, ":")
	if ip, err := parseIP(host); err == nil && hasPort && strings.Contains(host, ".") {
		return tenant.NextHop{}, remedy.New(fmt.Sprintf("write [%s]:%s", ip, port), "%s has an address without brackets", Quoted(s))
	}
	hop, err := tenant.ParseNextHop(s)
	if err != nil || !hop.Name.IsZero() && (!hasPort || strings.HasSuffix(s, "]")) {
		return tenant.NextHop{}, bad // Postfix's own default of the port is not visible here
	}
	return hop, nil
}

// checkNextHop refuses a next hop that is this host itself, which Postfix would bounce as a
// loop, and says what applies where tenants share one.
func (l *loader) checkNextHop(e *entry) {
	path, direct := e.path+".direct", e.tenant.Direct
	hop := direct.NextHop
	if hop.IsZero() {
		return
	}
	if whose := l.ownHop(hop); whose != "" {
		e.doc.fail(path+".next_hop", fmt.Sprintf("%s is %s, and mail would come back here in a loop", hop, whose),
			"name the tenant's own mail server, as in its MX record")
	}
	strictest := l.nextHops[hop.Server()]
	if strictest != nil && strictest.tenant.Direct.TLS != direct.TLS {
		other := strictest.tenant.Direct.TLS
		e.doc.warn(path+".tls", fmt.Sprintf("%s is also the next hop of %s, with tls: %s here and %s there; the stricter, %s, applies to both",
			hop, strictest, direct.TLS, other, direct.TLS.Stricter(other)), "write the same tls for both")
	}
	if strictest == nil || strictest.tenant.Direct.TLS.Stricter(direct.TLS) != strictest.tenant.Direct.TLS {
		l.nextHops[hop.Server()] = e
	}
}

// ownHop returns which of our own names or addresses a next hop is; empty: none, as far as can be
// seen without DNS.
func (l *loader) ownHop(hop tenant.NextHop) string {
	p, name := l.config.Platform, hop.Name
	switch {
	case l.isThisHost(hop):
		return "this host"
	case name.IsZero():
		return ""
	case p.Owns(name):
		return "one of the platform's own domains"
	case name.Within(p.Domain):
		return "below platform.domain"
	}
	return l.ownDestination(name)
}

func (l *loader) isThisHost(hop tenant.NextHop) bool {
	if l.host == nil {
		l.host = thisHost()
	}
	if addr := hop.Addr; addr.IsValid() {
		return addr.IsLoopback() || addr.IsUnspecified() || l.host.addrs[addr] || slices.Contains(l.config.Platform.SendingIPs, addr)
	}
	return l.host.names[hop.Name] || hop.Name.Within(localhost)
}

var localhost, _ = message.ParseDomain("localhost") // and all names below it (RFC 6761 section 6.3)
