package publish

import (
	"crypto"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize/record"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Alias gives the name of the platform's at which a tenant's public key stands, for the
// tenant to point at with a CNAME. It is not below _domainkey.<domain of the platform>:
// receivers would then take the tenant's key for one of the platform's, and who has it
// could sign as the platform. The name may be too long for DNS; then there is none.
func Alias(selector, tenantID string, platform message.Domain) (string, bool) {
	name := strings.ToLower(selector) + "." + tenantID + ".dkim." + platform.String()
	_, valid := dns.IsDomainName(name)
	return name, valid && len(name) <= 253
}

// keysOf tells the keys that a tenant publishes under a domain.
func (k task) keysOf(t *tenant.Tenant, d message.Domain) []Record {
	var all []Record
	for _, id := range k.Keys.Held(t.Identities) {
		if id.SDID == d {
			all = append(all, k.key(t, id))
		}
	}
	return all
}

// key tells one key: as an alias, or where that cannot be, as the key itself.
func (k task) key(t *tenant.Tenant, id tenant.Identity) Record {
	txt, public := k.keyText(id.String(), id.SDID.Organizational(), id,
		fmt.Sprintf("holds the public key of what %s signs for %s", k.Platform.Name, id.SDID.Unicode()))
	target, fits := Alias(id.Selector, t.ID, k.Platform.Domain)
	answer, err := k.DNS.Ask(k.ctx, id.String(), dns.TypeTXT)
	aliased := len(answer.Chain) > 1
	published := err == nil && isKey(answer.Texts(), public)
	if published && !aliased {
		txt.Done, txt.Present, txt.Value = true, answer.Texts(), answer.Texts()[0]
		return txt
	}
	r := newRecord(DKIM, id.String(), txt.Zone, "CNAME", target,
		fmt.Sprintf("leads receivers to the key of what %s signs for %s, which we can then change by ourselves", k.Platform.Name, id.SDID.Unicode()))
	r.Instead = []Record{txt}
	switch {
	case aliased && (published || fits && slices.Contains(answer.Chain, target)):
		r.Done, r.Value, r.Present = true, answer.Chain[1], []string{"CNAME " + answer.Chain[1]}
		return r
	case !fits:
		r = txt
		r.remark(fmt.Sprintf("an alias to %s would be better, and is too long for DNS: choose a shorter selector", target))
	}
	switch {
	case err != nil:
		r.unanswered(err)
	case aliased:
		r.Present = []string{"CNAME " + answer.Chain[1]}
		r.remark("the alias that is there leads elsewhere: replace it")
	default:
		r.occupied(answer.Texts())
	}
	return r
}

// keyText tells a key as the text that it is.
func (k task) keyText(name string, zone message.Domain, id tenant.Identity, why string) (Record, crypto.PublicKey) {
	key, _ := k.Keys.Key(id)
	text, _ := keys.Record(key.Public()) // what a ring holds can be published
	return newRecord(DKIM, name, zone, "TXT", text, why), key.Public()
}

// publishedKey is keyText, and whether it is there.
func (k task) publishedKey(name string, id tenant.Identity, why string) Record {
	r, public := k.keyText(name, k.Platform.Domain.Organizational(), id, why)
	answer, err := k.DNS.Ask(k.ctx, name, dns.TypeTXT)
	if err != nil {
		r.unanswered(err)
		return r
	}
	if r.Done = isKey(answer.Texts(), public); r.Done {
		r.Present = answer.Texts()
		return r
	}
	r.behindAlias(answer)
	r.occupied(answer.Texts())
	return r
}

// occupied notes what stands where a key belongs.
func (r *Record) occupied(texts []string) {
	r.Present = texts
	for _, text := range texts {
		if _, err := record.ParseKey(text); err != nil {
			r.remark("what is there is no key; delete it, unless it is a wildcard record (*) that answers for this name, too")
			return
		}
	}
	if len(texts) > 0 {
		r.remark("another key is there: delete it, for this takes its place")
	}
}

// isKey tells whether texts at a name are the one record of the key, and of use.
func isKey(texts []string, public crypto.PublicKey) bool {
	if len(texts) != 1 {
		return false
	}
	key, err := record.ParseKey(texts[0])
	return err == nil && key.Is(public) && key.SHA256 && key.Email && !key.Testing
}
