package config

import (
	"fmt"
	"slices"
	"strings"

	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

// platform takes the platform itself, and the policies that everyone starts from.
func (l *loader) platform(d *document, raw *rawFile) {
	p, r := l.config.Platform, raw.Platform
	d.require("platform.name", r.Name, "Courseware")
	d.require("platform.domain", r.Domain, "courseware.example, which signs for the platform")
	d.require("platform.from", r.From, "noreply@courseware.example")
	d.require("platform.bounce_domain", r.BounceDomain, "bounces.courseware.example")
	d.require("platform.bounces_to", r.BouncesTo, "postmaster@courseware.example")

	p.Name = d.displayName("platform.name", r.Name)
	p.Domain = d.domain("platform.domain", r.Domain)
	p.Bounce = d.domain("platform.bounce_domain", r.BounceDomain)
	p.BouncesTo = d.address("platform.bounces_to", r.BouncesTo)
	p.SPFInclude = d.includeName("platform.spf_include", r.SPFInclude)
	p.SendingIPs = d.sendingIPs("platform.sending_ips", r.SendingIPs)
	if r.From != "" {
		p.From, p.FromDomain = d.fromTemplate(r.From, p.Domain)
	}
	l.ownDomains(d, r.Domains)
	l.checkFrom(d)
	p.Trust = tenant.Trust{
		Realm:         d.realm("trust.realm", raw.Trust.Realm),
		Networks:      d.networks("trust.networks", raw.Trust.Networks),
		Authenticated: raw.Trust.Authenticated,
		Reinjected:    choice(d, "trust.reinjected", raw.Trust.Reinjected, "as-received", "trusted") == "trusted",
	}
	p.Submitters = d.submitters("platform.submitters", r.Submitters, p.Trust)
	p.Policy = d.policy(raw.Policy)
	p.SRS = l.srs(d, raw.SRS)
	l.platformKeys(d, r.DKIM)
	l.platformBounces(d)
	l.trustKnown = !d.isSpoilt("trust.networks") && len(p.Trust.Networks) == len(raw.Trust.Networks)
	l.claimSubmitters(nil, d, "platform.submitters", p.Submitters)
	l.checkTrust(d, "platform.submitters", "the platform", p.Submitters)
}

// ownDomains takes the domains that the platform sends from in its own name.
func (l *loader) ownDomains(d *document, texts []string) {
	const path = "platform.domains"
	p := l.config.Platform
	if !p.Domain.IsZero() && isPublicSuffix(p.Domain, false) {
		d.failBy("platform.domain", publicSuffix(p.Domain, p.Domain.Unicode()), "")
	}
	if !d.has(path) && !p.Domain.IsZero() {
		p.Domains = []tenant.Pattern{{Domain: p.Domain}}
		return
	}
	var places []int
	p.Domains, places = d.patterns(path, texts)
	if p.Domain.IsZero() {
		return
	}
	if !slices.ContainsFunc(p.Domains, func(own tenant.Pattern) bool { return own.Covers(p.Domain) }) {
		d.fail(path, "does not include platform.domain", "add "+p.Domain.Unicode())
	}
	warned := make(map[message.Domain]bool)
	for i, own := range p.Domains {
		if !warned[own.Domain] && dmarc.Listed(own.Domain) != dmarc.Listed(p.Domain) {
			warned[own.Domain] = true
			d.warn(index(path, places[i]), fmt.Sprintf("mail from %s is signed by %s, which is not aligned with it", own.Domain.Unicode(), p.Domain.Unicode()),
				"make it a tenant with a key of its own")
		}
	}
}

// platformKeys takes the keys that sign for the platform: as platform.domain and, where
// platform.from is below it, as the domain of that too.
func (l *loader) platformKeys(d *document, raw []rawDKIM) {
	l.unsigned = len(raw) == 0
	switch {
	case l.unsigned && l.config.Platform.Policy.Mode == tenant.Shadow: // as the package brings it
		d.warn("platform.dkim", "names no key to sign with; policy.mode is shadow, so nothing is signed yet", "run onbehalf setup")
	case l.unsigned:
		d.fail("platform.dkim", "names no key", "write [{selector: s1, key: courseware-s1.pem}], and make the key with onbehalf keygen")
	}
	var signers []message.Domain
	for _, d := range []message.Domain{l.config.Platform.Domain, l.config.Platform.FromDomain} {
		if !d.IsZero() && !slices.Contains(signers, d) {
			signers = append(signers, d)
		}
	}
	l.dkim(d, "platform.dkim", raw, signers, nil)
}

// platformBounces makes sure that the bounce domain is for bounces alone.
func (l *loader) platformBounces(d *document) {
	p := l.config.Platform
	if p.Bounce.IsZero() {
		return
	}
	if slices.Contains(p.Domains, tenant.Pattern{Domain: p.Bounce}) || p.Bounce == p.Domain {
		d.fail("platform.bounce_domain", p.Bounce.Unicode()+" is one of the platform's From domains, and all mail to it is treated as bounces",
			"choose a name that nothing else uses, like bounces."+p.Domain.Unicode())
	}
	if p.FromDomain == p.Bounce && !p.From.Holds("reply") {
		d.fail("platform.from", "is at platform.bounce_domain, where replies to it would be refused",
			"write {reply}@"+p.Bounce.Unicode()+", or an address at "+p.Domain.Unicode())
	}
}

// includeName takes the name of a record that may stand below an underscore. It may be
// left out.
func (d *document) includeName(path, text string) message.Domain {
	const remedy = "write a name like _spf.courseware.example"
	name, err := message.ParseName(text)
	if err == nil {
		err = oddCharacter(text)
	}
	switch {
	case text == "":
	case err != nil:
		d.failBy(path, err, remedy)
	case !strings.Contains(name.String(), "."):
		d.fail(path, Quoted(text)+" is a single label", remedy)
	case name.IsNumeric():
		d.fail(path, Quoted(text)+" is not a name; no top-level domain is a number", "write the addresses into platform.sending_ips alone, or "+remedy)
	default:
		return name
	}
	return message.Domain{}
}
