package config

import (
	"fmt"
	"strings"

	"onbehalf/message"
	"onbehalf/tenant"
)

// tenant takes one tenant by itself.
func (l *loader) tenant(e *entry) {
	d, raw := e.doc, e.raw
	t := &tenant.Tenant{ID: raw.ID, Name: raw.Name}
	e.tenant = t
	if t.Name == "" {
		t.Name = t.ID
	}
	l.identify(e)
	t.Domains = d.patterns(e.path+".domains", raw.Domains)
	if len(raw.Domains) == 0 {
		d.fail(e.path+".domains", "names no domain", "write the domains that the tenant sends from")
	}
	l.warnOfReplies(e)
	t.Authorization = tenant.Auto
	if raw.Authorization != "" || d.has(e.path+".authorization") {
		t.Authorization = choice(d, e.path+".authorization", raw.Authorization, tenant.Auto, tenant.Authorized, tenant.Unauthorized)
	}
	t.Submitters = d.submitters(e.path+".submitters", raw.Submitters)
	t.Policy = e.override(l.config.Platform.Policy)
	t.FromName = e.nameTemplate()
	t.ReturnPath = e.returnPath()
	t.BouncesTo = d.address(e.path+".bounces_to", raw.BouncesTo)
	t.Direct = e.direct()
	l.dkim(d, e.path+".dkim", raw.DKIM, apexes(t.Domains), t)
	l.config.Tenants = append(l.config.Tenants, t)
}

// longDomain is the length in bytes from which on a domain leaves little room in a reply
// address, and replyRoom what both parts of the author's address may have together: of 64
// (RFC 5321 section 4.5.3.1.1), 19 are the address's own.
const (
	longDomain = 30
	replyRoom  = 45
)

// warnOfReplies tells of domains whose authors hardly fit into a reply address.
func (l *loader) warnOfReplies(e *entry) {
	if !l.config.Platform.From.Holds("reply") {
		return
	}
	for i, text := range e.raw.Domains {
		pattern, err := tenant.ParsePattern(text)
		if size := len(pattern.Domain.String()); err == nil && size >= longDomain {
			e.doc.warn(index(e.path+".domains", i),
				fmt.Sprintf("has %d bytes, so {reply} in platform.from has room for %d bytes before the @; for longer authors From is noreply@%s, and only Reply-To leads to them",
					size, max(0, replyRoom-size), l.config.Platform.FromDomain.Unicode()),
				"expect answers to From to bounce where a program ignores Reply-To, or use a shorter domain")
		}
	}
}

// identify checks the id.
func (l *loader) identify(e *entry) {
	path, id := e.path+".id", e.raw.ID
	switch {
	case id == "":
		e.doc.require(path, id, "yourorg, for logs, reports and bounce addresses")
	case !validID(id):
		e.doc.fail(path, quoted(id)+" is not an id", "use 1 to 40 of a-z, 0-9 and hyphen")
	default:
		l.claimID(e)
	}
}

// returnPath takes the name under the tenant's own domain to which bounces go. To
// be aligned it must lie below a domain that the tenant sends from.
func (e *entry) returnPath() message.Domain {
	path := e.path + ".return_path"
	name := e.doc.domain(path, e.raw.ReturnPath)
	if name.IsZero() || len(e.tenant.Domains) == 0 {
		return name
	}
	below := false
	for _, apex := range apexes(e.tenant.Domains) {
		if name == apex {
			e.doc.fail(path, name.Unicode()+" is a domain that the tenant sends from, and its mail would be taken for bounces", "choose a name below it, like bounce."+name.Unicode())
			return name
		}
		below = below || name.Below(apex)
	}
	if !below {
		e.doc.fail(path, name.Unicode()+" is not below a domain of the tenant", "choose a name like bounce."+e.tenant.Domains[0].Domain.Unicode())
	}
	return name
}

// direct takes where the tenant's own mail is delivered to.
func (e *entry) direct() tenant.Direct {
	raw, path := e.raw.Direct, e.path+".direct"
	direct := tenant.Direct{Domains: e.doc.domains(path+".domains", raw.Domains), NextHop: raw.NextHop}
	switch {
	case raw.NextHop == "" && len(raw.Domains) > 0:
		e.doc.fail(path+".next_hop", "is missing, though there are domains", `write one like "[mx.example.org]:25"`)
	case raw.NextHop != "" && len(raw.Domains) == 0:
		e.doc.fail(path+".domains", "is missing, though there is a next_hop", "name the domains that go there")
	case raw.NextHop != "":
		hop, err := parseNextHop(raw.NextHop)
		if err != nil {
			e.doc.failBy(path+".next_hop", err, "")
		}
		direct.NextHop = hop
	}
	return direct
}

// parseNextHop reads HOST:PORT or [HOST]:PORT, as transport(5) has it after smtp:.
// The brackets turn off the look-up of MX records, and must be around an address.
func parseNextHop(s string) (string, error) {
	bad := fmt.Errorf(`%s is not a next hop; write one like "[mx.example.org]:25"`, quoted(s))
	host, port, found := cutLast(s, ":")
	inner, bracketed := strings.CutPrefix(host, "[")
	if bracketed {
		inner, bracketed = strings.CutSuffix(inner, "]")
	}
	inner, v6 := strings.CutPrefix(inner, "ipv6:")
	if !found || strings.ContainsAny(inner, "[]") || bracketed != strings.HasPrefix(host, "[") {
		return "", bad
	}
	ip, notIP := parseIP(inner)
	switch {
	case notIP == nil && !bracketed:
		return "", fmt.Errorf("%s has an address without brackets; write [%s]:%s", quoted(s), inner, port)
	case notIP == nil:
		inner = ip.String()
		if ip.Is6() {
			inner = "ipv6:" + inner // as Postfix wants it
		}
	case v6:
		return "", bad
	}
	if err := checkNextHop(inner, port, notIP == nil); err != nil {
		return "", bad
	}
	if bracketed {
		inner = "[" + inner + "]"
	}
	return inner + ":" + port, nil
}

func checkNextHop(host, port string, isIP bool) error {
	address := host + ":" + port
	if isIP {
		address = "127.0.0.1:" + port
	}
	_, err := parseHostPort(address)
	return err
}
