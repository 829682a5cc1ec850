package doctor

import (
	"cmp"
	"slices"
	"strings"

	"onbehalf/authorize"
	"onbehalf/authorize/publish"
	"onbehalf/postfix"
)

// domains reports what onbehalf check says of the platform's own domains.
func (d *doctor) domains() {
	const what = "DNS was not looked at"
	if d.DNS == nil {
		d.skip(what, "the configuration does not load, so it is not known what should be there", "")
		return
	}
	result, err := d.DNS(d.ctx)
	if err != nil {
		d.skip(what, err.Error(), "")
		return
	}
	var unanswered []publish.Item
	for _, domain := range result.Domains {
		for _, item := range domain.Items {
			if item.Verdict == authorize.Unanswered {
				unanswered = append(unanswered, item)
				continue
			}
			d.add(ofItem(domain.Domain.Unicode(), item))
		}
		if t := domain.Today; t != nil && t.Trouble != "" {
			d.add(Finding{Level: Error, What: "mail from " + domain.Domain.Unicode() + " would not leave", Why: t.Trouble, Fix: "onbehalf check shows more"})
		}
	}
	if len(unanswered) > 0 {
		d.unanswered(unanswered)
	}
}

// titles are the mechanisms as people call them.
var titles = map[string]string{"spf": "SPF", "return_path": "bounces", "dmarc": "DMARC", "ptr": "PTR", "helo": "HELO"}

// unanswered is one finding: it is rarely about one record alone.
func (d *doctor) unanswered(items []publish.Item) {
	var texts []string
	for _, i := range items {
		texts = append(texts, strings.TrimPrefix(i.Text, "no definitive answer: "))
	}
	slices.Sort(texts)
	d.skip("DNS gives no definitive answer", strings.Join(slices.Compact(texts), "; "), "see that dns.servers, or /etc/resolv.conf, names servers that answer, and look again")
}

// about puts in front of a sentence what it does not say itself.
func about(domain, title, text string) string {
	if !strings.Contains(text, title) {
		text = title + ": " + text
	}
	if !strings.Contains(text, domain) {
		text = domain + ", " + text
	}
	return text
}

func ofItem(domain string, i publish.Item) Finding {
	title := titles[i.Mechanism]
	if title == "" {
		title = strings.Replace(i.Mechanism, "dkim", "DKIM", 1)
	}
	if i.Mechanism == "ptr" || i.Mechanism == "helo" { // of the host, not of a domain
		domain = ""
	}
	f := Finding{What: about(domain, title, i.Text)}
	switch {
	case i.Verdict == authorize.There:
		return f
	case i.Optional:
		f.Level = Warning
	default:
		f.Level = Error
	}
	if len(i.Found) > 0 {
		f.Why = "found: " + postfix.List(i.Found)
	}
	f.Fix = cmp.Or(i.Remedy, "onbehalf check shows more")
	return f
}
