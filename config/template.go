package config

import (
	"slices"
	"strings"

	"onbehalf/message"
	"onbehalf/remedy"
	"onbehalf/tenant"
)

// fromTemplate takes platform.from, one address, and returns the template of its
// local part, and its domain. The domain may lie below platform.domain; the platform then
// signs as both.
func (d *document) fromTemplate(text string, platform message.Domain) (tenant.Template, message.Domain) {
	const path = "platform.from"
	local, name, found := cutLast(text, "@")
	if !found || local == "" {
		d.fail(path, Quoted(text)+" is not an address", "write one like noreply@"+platform.String())
		return tenant.Template{}, message.Domain{}
	}
	domain, err := parseDomain(name)
	switch {
	case strings.ContainsAny(name, "{}"):
		d.fail(path, "has a placeholder after the @", "write a domain there, platform.domain or one below it")
	case err != nil:
		d.failBy(path, err, "")
	case !platform.IsZero() && !domain.Within(platform):
		d.fail(path, "its domain is "+domain.Unicode()+", not platform.domain or below it", "write "+local+"@"+platform.Unicode()+", because that domain signs")
	}
	t, err := tenant.ParseTemplate(local, "local", "domain", "tenant", "reply")
	if err == nil {
		err = checkLocal(t.Expand(sampleOf))
	}
	if err != nil {
		d.failBy(path, err, "write a local part like noreply or {local}+{tenant}")
	}
	if t.Holds("reply") && local != "{reply}" {
		d.fail(path, "has text beside {reply}, so replies to it could not be routed", "write {reply}@"+domain.Unicode())
	}
	return t, domain
}

// checkFrom makes sure that no sender gets an address that is somebody else's: neither a
// mailbox of the platform nor what another tenant's sender gets.
func (l *loader) checkFrom(d *document) {
	const path = "platform.from"
	p := l.config.Platform
	if !p.From.Holds("local") && !p.From.Holds("domain") {
		return
	}
	apart := "{local}+{tenant}@via." + p.Domain.Unicode()
	switch {
	case p.FromDomain.IsZero() || p.Domain.IsZero():
	case p.FromDomain == p.Domain || slices.Contains(p.Domains, tenant.Pattern{Domain: p.FromDomain}):
		d.fail(path, "lets every sender have any address at "+p.FromDomain.Unicode()+", where the platform has its own addresses", "use a separate domain for senders, "+apart+", or write noreply@"+p.Domain.Unicode())
	case !p.From.Holds("tenant") && !p.From.Holds("domain"):
		d.fail(path, "lets senders of two tenants have the same address when their local parts are equal", "write "+apart)
	case strings.Contains(p.From.String(), "}{"):
		d.fail(path, "has nothing between two placeholders, so it could be read in two ways", "write "+apart)
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// nameTemplate takes a tenant's from_name.
func (e *entry) nameTemplate() tenant.Template {
	standard := tenant.DefaultFromName()
	if e.raw.FromName == "" {
		return standard
	}
	t, err := tenant.ParseTemplate(e.doc.displayName(e.path+".from_name", e.raw.FromName), "name", "platform", "tenant")
	if err != nil {
		e.doc.failBy(e.path+".from_name", err, "write one like "+Quoted(standard.String()))
	}
	return t
}

// sampleOf returns a value that a placeholder of platform.from may have, to try a
// template out with.
func sampleOf(placeholder string) string {
	switch placeholder {
	case "local":
		return "academy"
	case "domain":
		return "example.org"
	case "tenant":
		return "example"
	}
	return "reply=aaaaaaaa=AA=example.org=academy"
}

// checkLocal reports whether text can be a local part without quotes (RFC 5321
// section 4.1.2), which some receivers do not understand.
func checkLocal(local string) error {
	switch {
	case len(local) > 64:
		return remedy.New("shorten it", "its local part is longer than 64 bytes")
	case message.QuoteLocal(local) != local:
		return remedy.New("use letters, digits, dots and hyphens", "its local part needs quotes")
	}
	for _, r := range local {
		if r >= 0x80 {
			return remedy.New("use letters, digits, dots and hyphens", "its local part is not ASCII, and not every receiver accepts that")
		}
	}
	return nil
}
