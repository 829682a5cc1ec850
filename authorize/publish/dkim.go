package publish

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize"
	"onbehalf/authorize/record"
	"onbehalf/dmarc"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Alias returns the name of the platform's at which a tenant's public key stands, for the
// tenant to point at with a CNAME. It is not below _domainkey.<domain of the platform>:
// receivers would then take the tenant's key for one of the platform's, and who has it
// could sign as the platform. The name may be too long for DNS; then there is none.
func Alias(selector, tenantID string, platform message.Domain) (string, bool) {
	name := strings.ToLower(selector) + "." + tenantID + ".dkim." + platform.String()
	return name, len(name) <= 253
}

// key returns one key: as an alias, or where that cannot be, as the key itself. The finding is
// about the key.
func (k task) key(t *tenant.Tenant, key authorize.WantedKey, f authorize.Finding) Record {
	id := key.Identity
	txt := k.keyText(id.String(), dmarc.Listed(id.SDID), id,
		fmt.Sprintf("holds the public key that %s signs with for %s", k.Platform.Name, id.SDID.Unicode()))
	target, fits := Alias(id.Selector, t.ID, k.Platform.Domain)
	answer, err := k.dns.To(id.String(), dns.TypeTXT)
	aliased := len(answer.Chain) > 1
	published := f.Verdict == authorize.There
	if published && !aliased {
		txt.Done, txt.Present, txt.Value = true, answer.Texts(), answer.Texts()[0]
		return txt
	}
	r := newRecord(DKIM, id.String(), txt.Zone, "CNAME", target,
		fmt.Sprintf("points to our DKIM key for %s, so that we can replace the key without asking you again", id.SDID.Unicode()))
	r.Instead = []Record{txt}
	switch {
	case published, slices.Contains(answer.Chain, target): // by the alias, behind which is more than the name itself
		r.Done, r.Value, r.Present = true, answer.Chain[1], []string{"CNAME " + answer.Chain[1]}
		return r
	case !fits:
		r = txt
		r.remark(fmt.Sprintf("an alias of %s would be better, but that name is too long for DNS: choose a shorter selector", target))
	}
	switch {
	case err != nil:
		r.unanswered(err)
	case aliased:
		r.Present = []string{"CNAME " + answer.Chain[1]}
		r.remark("the present alias leads elsewhere: replace it")
	default:
		r.occupied(answer.Texts())
	}
	return r
}

// keyText returns a key as the text that it is.
func (k task) keyText(name string, zone message.Domain, id tenant.Identity, why string) Record {
	key, _ := k.Keys.Key(id)
	text, _ := keys.Record(key.Public()) // what a ring holds can be published
	return newRecord(DKIM, name, zone, "TXT", text, why)
}

// ownKey returns a key that stands in the platform's own DNS.
func (k task) ownKey(key authorize.WantedKey, f authorize.Finding) Record {
	why := "holds the public key of what is signed as " + key.SDID.Unicode()
	if key.SDID != k.Platform.Domain {
		why += ", the domain of rewritten Froms: where its DMARC record asks for strict alignment (adkim=s), receivers accept no other key"
	}
	return k.publishedKey(key, f, why)
}

// targetOf returns the key that an alias of a tenant's leads to; none: there is no room for its
// name.
func (k task) targetOf(t *tenant.Tenant, id tenant.Identity) []Record {
	name, fits := Alias(id.Selector, t.ID, k.Platform.Domain)
	if !fits {
		return nil
	}
	key, _ := k.Keys.Key(id)
	wanted := authorize.WantedKey{Identity: id, Public: key.Public(), At: name}
	return []Record{k.publishedKey(wanted, authorize.JudgeKey(k.dns, wanted), whyTarget(t))}
}

func whyTarget(t *tenant.Tenant) string {
	return fmt.Sprintf("holds the public key of what is signed for %s, whose alias leads here", t.Name)
}

// publishedKey is keyText, and whether it is there.
func (k task) publishedKey(key authorize.WantedKey, f authorize.Finding, why string) Record {
	r := k.keyText(key.Name(), dmarc.Listed(k.Platform.Domain), key.Identity, why)
	answer, err := k.dns.To(r.Name, dns.TypeTXT)
	if err != nil {
		r.unanswered(err)
		return r
	}
	if r.Done = f.Verdict == authorize.There; r.Done {
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
			r.remark("the present record is not a key; delete it, unless it is a wildcard record (*) that answers for this name too")
			return
		}
	}
	if len(texts) > 0 {
		r.remark("another key is there: replace it with this one")
	}
}
