package config

import (
	"strings"

	"onbehalf/message"
	"onbehalf/tenant"
)

// choice takes one of a few words.
func choice[T ~string](d *document, path, word string, allowed ...T) T {
	names := make([]string, len(allowed))
	for i, one := range allowed {
		if string(one) == word {
			return one
		}
		names[i] = string(one)
	}
	last := len(names) - 1
	d.fail(path, quoted(word)+" is not one of the choices", "write "+strings.Join(names[:last], ", ")+" or "+names[last])
	return allowed[0]
}

// policy takes the platform's, which every tenant starts from.
func (d *document) policy(raw rawPolicy) tenant.Policy {
	return tenant.Policy{
		UnknownDomain: choice(d, "policy.unknown_domain", raw.UnknownDomain,
			tenant.UnknownRewrite, tenant.UnknownReject, tenant.UnknownPass),
		UnreadableFrom: choice(d, "policy.unreadable_from", raw.UnreadableFrom,
			tenant.UnreadableReject, tenant.UnreadableRewrite),
		RewriteFrom:   d.rewriteFrom("policy.rewrite_from", raw.RewriteFrom),
		KeepEnvelope:  raw.KeepEnvelope,
		AlwaysRewrite: d.domains("policy.always_rewrite", raw.AlwaysRewrite),
		Mode:          d.mode("policy.mode", raw.Mode),
	}
}

// override gives the platform's policy with what a tenant wants otherwise.
func (e *entry) override(p tenant.Policy) tenant.Policy {
	if raw := e.raw.RewriteFrom; raw != nil {
		p.RewriteFrom = e.doc.rewriteFrom(e.path+".rewrite_from", *raw)
	}
	if raw := e.raw.KeepEnvelope; raw != nil {
		p.KeepEnvelope = *raw
	}
	if raw := e.raw.AlwaysRewrite; raw != nil {
		p.AlwaysRewrite = e.doc.domains(e.path+".always_rewrite", *raw)
	}
	if raw := e.raw.Mode; raw != nil {
		p.Mode = e.doc.mode(e.path+".mode", *raw)
	}
	return p
}

func (d *document) rewriteFrom(path, word string) tenant.RewriteFrom {
	return choice(d, path, word, tenant.RewriteAlways, tenant.RewriteDMARC, tenant.RewriteNever)
}

func (d *document) mode(path, word string) tenant.Mode {
	return choice(d, path, word, tenant.Enforce, tenant.Shadow)
}

// fromTemplate takes platform.from, one address, and gives the template of its
// local part.
func (d *document) fromTemplate(text string, platform message.Domain) tenant.Template {
	const path = "platform.from"
	local, name, found := cutLast(text, "@")
	if !found || local == "" {
		d.fail(path, quoted(text)+" is not an address", "write one like noreply@"+platform.String())
		return tenant.Template{}
	}
	domain, err := parseDomain(name)
	switch {
	case strings.ContainsAny(name, "{}"):
		d.fail(path, "has a placeholder behind the @", "write platform.domain there")
	case err != nil:
		d.failBy(path, err, "")
	case !platform.IsZero() && domain != platform:
		d.fail(path, "its domain is "+domain.Unicode()+", not platform.domain", "write "+local+"@"+platform.Unicode()+", for that domain signs")
	}
	t, err := tenant.ParseTemplate(local, "local", "domain", "tenant", "reply")
	if err == nil {
		err = checkLocal(t.Expand(sampleOf))
	}
	if err != nil {
		d.failBy(path, err, "write a local part like noreply or {local}")
	}
	return t
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// nameTemplate takes a tenant's from_name.
func (e *entry) nameTemplate() tenant.Template {
	text := e.raw.FromName
	if text == "" {
		text = "{name} via {platform}"
	}
	t, err := tenant.ParseTemplate(text, "name", "platform", "tenant")
	if err != nil {
		e.doc.failBy(e.path+".from_name", err, `write one like "{name} via {platform}"`)
	}
	return t
}

// srs takes how bounce addresses are protected.
func (l *loader) srs(d *document, raw rawSRS) tenant.SRS {
	return tenant.SRS{
		Secrets:       d.secrets("srs.secrets", l.absolute(raw.Secrets)),
		MaxAge:        d.wholeDays("srs.max_age", raw.MaxAge),
		AcceptClassic: raw.AcceptClassic,
	}
}
