package config

import (
	"fmt"
	"strings"
	"time"

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
	d.fail(path, Quoted(word)+" is not one of the choices", "write "+strings.Join(names[:last], ", ")+" or "+names[last])
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
		UnboundLogins: choice(d, "policy.unbound_logins", raw.UnboundLogins, tenant.UnboundAllow, tenant.UnboundRefuse),
		Mode:          d.mode("policy.mode", raw.Mode),
	}
}

// override returns the platform's policy with what a tenant wants otherwise.
func (e *entry) override(p tenant.Policy) tenant.Policy {
	p.RewriteFrom = e.doc.rewriteFrom(e.path+".rewrite_from", or(e.raw.RewriteFrom, string(p.RewriteFrom)))
	p.KeepEnvelope = or(e.raw.KeepEnvelope, p.KeepEnvelope)
	p.Mode = e.doc.mode(e.path+".mode", or(e.raw.Mode, string(p.Mode)))
	if raw := e.raw.AlwaysRewrite; raw != nil {
		p.AlwaysRewrite = e.doc.domains(e.path+".always_rewrite", *raw)
	}
	return p
}

// or returns what is given, or what applies where nothing is.
func or[T any](given *T, otherwise T) T {
	if given == nil {
		return otherwise
	}
	return *given
}

// checkSigned refuses a tenant whose mail would leave unsigned. While the platform itself is in
// enforce, platform.dkim has the finding.
func (l *loader) checkSigned(e *entry) {
	if l.unsigned && e.tenant.Policy.Mode == tenant.Enforce && l.config.Platform.Policy.Mode == tenant.Shadow {
		e.doc.fail(e.path+".mode", "is enforce, and platform.dkim names no key to sign with", "run onbehalf setup, or write a key into platform.dkim")
	}
}

func (d *document) rewriteFrom(path, word string) tenant.RewriteFrom {
	return choice(d, path, word, tenant.RewriteAlways, tenant.RewriteDMARC, tenant.RewriteNever)
}

func (d *document) mode(path, word string) tenant.Mode {
	return choice(d, path, word, tenant.Enforce, tenant.Shadow)
}

// classicUntil takes the last day on which other daemons' addresses are accepted. Their
// check codes can be guessed in time, so they must not have all of it.
func (d *document) classicUntil(raw rawSRS) time.Time {
	const path, remedy = "srs.accept_classic_until", "write the day on which the last address of the other daemon expires, 21 days after the change as a rule, like 2026-12-31"
	const most = 366 * day
	if !raw.AcceptClassic && raw.AcceptClassicUntil == "" {
		return time.Time{}
	}
	until, err := time.Parse(time.DateOnly, string(raw.AcceptClassicUntil))
	switch ahead := time.Until(until); {
	case raw.AcceptClassicUntil == "":
		d.fail(path, "is missing; srs.accept_classic needs an end, because check codes of four characters can be guessed", remedy)
	case err != nil:
		d.fail(path, "is not a day", remedy)
	case ahead > most:
		d.fail(path, bare(string(raw.AcceptClassicUntil))+" is more than a year away", remedy)
	case ahead < -day && raw.AcceptClassic:
		d.warn(path, bare(string(raw.AcceptClassicUntil))+" is over, so addresses of the other daemon are refused", "remove srs.accept_classic, and the other daemon's secret from srs.secrets")
	}
	if !raw.AcceptClassic {
		return time.Time{}
	}
	return until
}

// srs takes how bounce addresses are protected.
func (l *loader) srs(d *document, raw rawSRS) tenant.SRS {
	if n := raw.ClassicHashMin; n < 4 || n > 27 { // base64 of a SHA-1 has 27 characters
		d.fail("srs.classic_hash_min", fmt.Sprintf("%d is not between 4 and 27", n), "write the shortest length that the other daemon accepts; its default is 4")
	}
	return tenant.SRS{
		Secrets:        d.secrets("srs.secrets", l.pathAt(d, "srs.secrets", raw.Secrets, l.folder)),
		MaxAge:         d.wholeDays("srs.max_age", raw.MaxAge),
		ClassicUntil:   d.classicUntil(raw),
		ClassicHashMin: raw.ClassicHashMin,
	}
}
