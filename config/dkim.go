package config

import (
	"path/filepath"
	"strings"

	"onbehalf/message"
	"onbehalf/remedy"
	"onbehalf/tenant"
)

// dkim takes the signing keys of the platform or of a tenant, for each domain that
// signs with them. The files are not looked at here.
func (l *loader) dkim(d *document, path string, raw []rawDKIM, signers []message.Domain, t *tenant.Tenant) {
	seen := make(map[string]bool, len(raw))
	for i, one := range raw {
		at := index(path, i)
		d.checkDKIM(at, one, signers)
		folded := strings.ToLower(one.Selector) // DNS does not know case
		if seen[folded] && folded != "" {
			d.fail(at+".selector", Quoted(one.Selector)+" is listed twice", "use another selector for each key")
		}
		seen[folded] = true
		l.addKey(d, at+".key", one, signers, t)
	}
}

func (d *document) checkDKIM(path string, raw rawDKIM, signers []message.Domain) {
	if raw.Selector == "" {
		d.require(path+".selector", "", "s1, the name under which the public key is published")
	} else if err := checkSelector(raw.Selector, signers); err != nil {
		d.failBy(path+".selector", err, "")
	}
	switch {
	case raw.Key == "":
		d.require(path+".key", "", "yourorg-s1.pem, a file in keys_dir")
	case strings.HasPrefix(raw.Key, "-----"):
		d.fail(path+".key", "is a key", "write it into a file in keys_dir and name the file here")
	}
}

func checkSelector(s string, signers []message.Domain) error {
	if !tenant.ValidSelector(s) || !quotable(s) {
		return remedy.New("use letters, digits and hyphens, like s1", "%s is not a selector", Quoted(s))
	}
	for _, signer := range signers {
		if !(tenant.Identity{SDID: signer, Selector: s}).Fits() {
			return remedy.New("choose a shorter one", "%s is too long before %s", Quoted(s), signer)
		}
	}
	return nil
}

func (l *loader) addKey(d *document, path string, raw rawDKIM, signers []message.Domain, t *tenant.Tenant) {
	if raw.Key == "" || raw.Selector == "" || !quotable(raw.Selector) || d.isSpoilt(path) || strings.HasPrefix(raw.Key, "-----") {
		return
	}
	k := KeyFile{Path: l.pathAt(d, path, raw.Key, l.config.KeysDir), Tenant: t}
	if k.Path == "" || l.config.KeysDir == "" && !filepath.IsAbs(k.Path) {
		return
	}
	k.File, k.Item, k.Key, k.at = d.place(path)
	for _, signer := range signers {
		k.Identities = append(k.Identities, tenant.Identity{SDID: signer, Selector: raw.Selector})
	}
	l.config.Keys = append(l.config.Keys, k)
}
