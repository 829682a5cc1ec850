package publish

import (
	"fmt"
	"slices"

	"github.com/miekg/dns"

	"onbehalf/authorize/record"
	"onbehalf/tenant"
)

// notes are for the platform's administrator. What a tenant publishes leads to names of
// the platform, and does harm while those are empty, so they come first.
func (k task) notes(s Sheet, t *tenant.Tenant) []string {
	var all []string
	note := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if !k.Platform.SPFInclude.IsZero() && !k.includable() {
		note("%s (platform.spf_include) has no SPF record, and to include it is a permanent error; publish it first; until then, addresses are shown instead", k.Platform.SPFInclude)
	}
	for _, name := range s.Unready {
		note("an alias leads to %s, where no key is published yet; publish it first, as onbehalf dns shows", name)
	}
	if !t.ReturnPath.IsZero() && k.firstMX(k.Platform.Bounce) == "" {
		note("%s has no MX yet, so the return path leads nowhere; publish that first, as onbehalf dns shows", k.Platform.Bounce)
	}
	if len(t.Identities) == 0 {
		note("the tenant has no DKIM key here, and SPF alone breaks when mail is forwarded; make one with onbehalf keygen")
	}
	if t.Authorization != tenant.Auto {
		note("its authorization is %q in the configuration, so what it publishes changes nothing until that is auto", t.Authorization)
	}
	return append(all, k.guessed(s)...)
}

// emptyTargets returns the names that aliases in the sheet lead to, and that have no key.
func (k task) emptyTargets(s Sheet, t *tenant.Tenant) []string {
	var empty []string
	for _, id := range k.Keys.Held(t.Identities) {
		name, _ := Alias(id.Selector, t.ID, k.Platform.Domain)
		leads := slices.ContainsFunc(s.Records, func(r Record) bool { return r.Value == name })
		if !leads || slices.Contains(empty, name) {
			continue
		}
		if target := k.targetOf(t, id); len(undone(target)) > 0 && target[0].PresentError == "" {
			empty = append(empty, name)
		}
	}
	return empty
}

// guessed notes that a record has a mail host that was guessed.
func (k task) guessed(s Sheet) []string {
	host, known := k.mailHost()
	if !known && slices.ContainsFunc(s.Records, func(r Record) bool { return r.Type == "MX" && r.Value == host && !r.Done }) {
		return []string{host + " is a guess; give the name of the mail host with --mail-host"}
	}
	return nil
}

// includable reports whether SPF records can include the platform's: to include a name
// without a record is a permanent error (RFC 7208 section 5.2), and would harm all mail
// of a tenant. Where DNS does not answer we trust the configuration.
func (k task) includable() bool {
	if k.Platform.SPFInclude.IsZero() {
		return false
	}
	answer, err := k.dns.To(k.Platform.SPFInclude.String(), dns.TypeTXT)
	return err != nil || len(record.OnlySPF(answer.Texts())) == 1
}
