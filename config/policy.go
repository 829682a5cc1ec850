package config

import (
	"fmt"
	"strings"

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

// srs takes how bounce addresses are protected.
func (l *loader) srs(d *document, raw rawSRS) tenant.SRS {
	if n := raw.ClassicHashMin; n < 4 || n > 27 { // base64 of a SHA-1 has 27 characters
		d.fail("srs.classic_hash_min", fmt.Sprintf("%d is not between 4 and 27", n), "write the other daemon's own least length; 4 is its default")
	}
	return tenant.SRS{
		Secrets:        d.secrets("srs.secrets", l.absolute(raw.Secrets)),
		MaxAge:         d.wholeDays("srs.max_age", raw.MaxAge),
		AcceptClassic:  raw.AcceptClassic,
		ClassicHashMin: raw.ClassicHashMin,
	}
}
