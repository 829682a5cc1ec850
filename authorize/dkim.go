package authorize

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize/record"
)

const (
	askDNS   = "publish the record that onbehalf dns shows"
	replace  = "replace it by the record that onbehalf dns shows"
	onlyOnce = "delete all but the one that onbehalf dns shows"
)

// key looks whether our public key is published (RFC 6376 section 3.6.2).
func (l *look) key(k Key) Finding {
	name := k.String()
	answer, err := l.dns.Ask(l.ctx, name, dns.TypeTXT)
	if err != nil {
		return unanswered(err)
	}
	texts := answer.Texts()
	switch {
	case len(texts) == 0 && len(answer.Chain) > 1:
		return finding(Missing, KeyDangling, nil, "check the target of the CNAME; if it is the one that onbehalf dns shows, the platform has to publish the key there",
			"%s is a CNAME to %s, where no key is published", name, answer.Target())
	case len(texts) == 0:
		return l.absentKey(k)
	case len(texts) > 1:
		return finding(Missing, KeySeveral, texts, onlyOnce, "%d TXT records stand at %s, and receivers may take any of them", len(texts), name)
	}
	return judgeKey(k, texts[0])
}

func (l *look) absentKey(k Key) Finding {
	name := k.String()
	wrong := again(name, k.SDID)
	if answer, err := l.dns.Ask(l.ctx, wrong, dns.TypeTXT); err == nil && (len(answer.Records) > 0 || len(answer.Chain) > 1) {
		return finding(Missing, KeyElsewhere, answer.Texts(), fmt.Sprintf("enter the name as %s._domainkey; the DNS program appends %s by itself", k.Selector, k.SDID),
			"there is no key at %s; it was published at %s, with the domain's name twice", name, wrong)
	}
	return finding(Missing, KeyAbsent, nil, askDNS, "there is no key at %s", name)
}

func judgeKey(k Key, text string) Finding {
	found := []string{text}
	name := k.String()
	r, err := record.ParseKey(text)
	switch {
	case err != nil:
		return finding(Missing, KeyMalformed, found, replace, "the record at %s is not a DKIM key: %v", name, err)
	case r.Revoked():
		return finding(Broken, KeyRevoked, found, replace, "the key at %s is revoked: its p= is empty", name)
	case r.Is(k.Public):
		return judgeUse(name, r, found)
	case r.CutFrom(k.Public):
		return finding(Broken, KeyCut, found, "enter the whole text; where one field takes 255 characters only, split it into several strings of one record",
			"the record at %s holds only the beginning of our key", name)
	}
	return finding(Broken, KeyOther, found, replace, "the key at %s is another one than ours", name)
}

// judgeUse looks at what a record with our key lets it be used for.
func judgeUse(name string, r record.Key, found []string) Finding {
	switch {
	case !r.SHA256:
		return finding(Broken, KeyHash, found, replace, "the record at %s does not allow SHA-256 (h=), and receivers ignore anything older", name)
	case !r.Email:
		return finding(Broken, KeyService, found, replace, "the record at %s is not for mail (s=)", name)
	case r.Testing:
		return finding(Missing, KeyTesting, found, "take t=y out of the record", "the key at %s is ours, but marked as a test (t=y): receivers treat its signatures as if there were none", name)
	}
	return finding(There, KeyPublished, found, "", "our %s key is at %s", strings.ToUpper(string(r.Algorithm)), name)
}
