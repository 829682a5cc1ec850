package authorize

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"onbehalf/authorize/record"
	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

const (
	publishIt = "publish the record that onbehalf dns shows"
	replace   = "replace it with the record that onbehalf dns shows"
	onlyOnce  = "delete all but the one that onbehalf dns shows"
)

// key looks whether our public key is published (RFC 6376 section 3.6.2).
func (l *lookup) key(k WantedKey) Finding {
	name := k.Name()
	answer, err := l.dns.To(name, dns.TypeTXT)
	if err != nil {
		return unreadable(KeyTooLarge, err)
	}
	texts := answer.Texts()
	switch {
	case len(texts) == 0 && len(answer.Chain) > 1:
		return finding(Missing, KeyDangling, nil, checkTarget(answer.Target(), k.SDID, "publish the key there"),
			"%s is a CNAME to %s, where no key is published", name, answer.Target())
	case len(texts) == 0:
		return l.absentKey(k)
	case len(texts) > 1:
		return finding(Missing, KeySeveral, texts, onlyOnce, "there are %d TXT records at %s, and receivers may take any of them", len(texts), name)
	}
	return judgeKey(k, texts[0])
}

func (l *lookup) absentKey(k WantedKey) Finding {
	name := k.Name()
	if k.At != "" { // no form for DNS of a tenant's
		return finding(Missing, KeyAbsent, nil, publishIt, "there is no key at %s", name)
	}
	for _, zone := range zones(k.SDID) {
		wrong := again(name, zone)
		if answer, err := l.dns.To(wrong, dns.TypeTXT); err == nil && isForKey(answer) {
			return finding(Missing, KeyElsewhere, answer.Texts(), fmt.Sprintf("enter the name as %s; the DNS program appends %s by itself", strings.TrimSuffix(name, "."+zone.String()), zone),
				"there is no key at %s; it was published at %s, with %s twice", name, wrong, zone)
		}
	}
	if l.thorough {
		return l.misplacedKey(k)
	}
	return finding(Missing, KeyAbsent, nil, publishIt, "there is no key at %s", name)
}

func judgeKey(k WantedKey, text string) Finding {
	found := []string{text}
	name := k.Name()
	r, err := record.ParseKey(text)
	switch {
	case r.CutFrom(k.Public):
		return finding(Broken, KeyCut, found, "enter the whole text; where one field takes 255 characters only, split it into several strings of one record",
			"the record at %s contains only the beginning of our key", name)
	case err != nil:
		return finding(Missing, KeyMalformed, found, replace, "the record at %s is not a DKIM key: %v", name, err)
	case r.Revoked():
		return finding(Broken, KeyRevoked, found, replace, "the key at %s is revoked: its p= is empty", name)
	case r.Is(k.Public):
		return judgeUse(name, r, found)
	case isBare(r, k):
		return finding(Broken, KeyMalformed, found, replace, "the record at %s contains our key in the form of PKCS #1, which many receivers cannot read", name)
	case isMislabelled(r, k):
		return finding(Broken, KeyOther, found, replace, "the record at %s contains our key, but for another algorithm: k= must be %s", name, k.Algorithm)
	}
	return finding(Broken, KeyOther, found, replace, "the key at %s is not ours", name)
}

// isBare reports whether it is our key without its SubjectPublicKeyInfo.
func isBare(r record.DKIM, k WantedKey) bool {
	public, isRSA := k.Public.(*rsa.PublicKey)
	return isRSA && bytes.Equal(r.Data, x509.MarshalPKCS1PublicKey(public))
}

// isMislabelled reports whether it is our key but for its k=.
func isMislabelled(r record.DKIM, k WantedKey) bool {
	if r.Algorithm == k.Algorithm {
		return false
	}
	r.Algorithm = k.Algorithm
	return r.Is(k.Public)
}

// checkTarget is what to do about a CNAME that leads to nothing. Where a final dot
// is forgotten, DNS programs append the zone to the target.
func checkTarget(target string, zone message.Domain, ours string) string {
	if target, appended := strings.CutSuffix(target, "."+dmarc.Listed(zone).String()); appended {
		return fmt.Sprintf("if the target should be %s, end it with a dot; else the DNS program appends the zone to it", target)
	}
	return "check the target of the CNAME; if it is the one that onbehalf dns shows, the platform has to " + ours
}

// judgeUse looks at what a record with our key lets it be used for.
func judgeUse(name string, r record.DKIM, found []string) Finding {
	switch {
	case !r.SHA256:
		return finding(Broken, KeyHash, found, replace, "the record at %s does not allow SHA-256 (h=), and receivers ignore anything older", name)
	case !r.Email:
		return finding(Broken, KeyService, found, replace, "the record at %s is not for mail (s=)", name)
	case r.Testing:
		return finding(Missing, KeyTesting, found, "remove t=y from the record", "the key at %s is ours, but marked as a test (t=y): receivers treat its signatures as if there were none", name)
	}
	kind := "RSA"
	if r.Algorithm == tenant.Ed25519 {
		kind = "Ed25519"
	}
	return finding(There, KeyPublished, found, "", "our %s key is at %s", kind, name)
}
