package config

import (
	"fmt"
	"slices"
)

// providers are mail providers whose domains many people have an address at. None of them
// can be a tenant's: who has an address there cannot publish a record.
var providers = []string{
	"gmail.com", "googlemail.com",
	"outlook.com", "hotmail.com", "live.com", "msn.com", "outlook.nl", "hotmail.nl", "live.nl", "outlook.de", "hotmail.de", "live.de",
	"hotmail.co.uk", "live.co.uk", "hotmail.fr", "live.fr", "outlook.fr", "hotmail.it", "outlook.it", "outlook.es", "hotmail.es",
	"yahoo.com", "ymail.com", "rocketmail.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr", "yahoo.es", "yahoo.it", "yahoo.co.jp", "yahoo.co.in", "yahoo.ca", "aol.com",
	"icloud.com", "me.com", "mac.com",
	"gmx.net", "gmx.de", "gmx.at", "gmx.ch", "gmx.com", "web.de", "t-online.de", "freenet.de", "mail.com", "1und1.de",
	"proton.me", "protonmail.com", "pm.me", "tutanota.com", "tuta.io", "fastmail.com", "hey.com", "zoho.com", "zohomail.com",
	"orange.fr", "wanadoo.fr", "free.fr", "laposte.net", "sfr.fr", "libero.it", "virgilio.it", "tiscali.it",
	"ziggo.nl", "kpnmail.nl", "xs4all.nl", "planet.nl", "home.nl", "hetnet.nl", "telenet.be", "skynet.be",
	"comcast.net", "verizon.net", "att.net", "sbcglobal.net", "cox.net", "btinternet.com", "sky.com",
	"mail.ru", "yandex.ru", "yandex.com", "qq.com", "163.com", "126.com", "sina.com", "naver.com", "seznam.cz", "wp.pl", "o2.pl", "onet.pl", "interia.pl",
}

// warnOfProviders warns of a tenant's domains that are those of mail providers.
func (e *entry) warnOfProviders() {
	for i, p := range e.tenant.Domains {
		if !slices.Contains(providers, p.Domain.String()) {
			continue
		}
		e.doc.warn(e.domainPath(i), fmt.Sprintf("%s is the domain of a mail provider, so the tenant cannot publish SPF or a key for this platform there", p.Domain.Unicode()),
			"remove it: mail from its users then leaves in the platform's name (policy.unknown_domain)")
	}
}
