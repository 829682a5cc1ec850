package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"onbehalf/message"
	"onbehalf/remedy"
	"onbehalf/tenant"
)

const aDomain = "write a domain like example.org"

// parseDomain reads a domain that mail can have on the Internet.
func parseDomain(s string) (message.Domain, error) {
	if s == "" {
		return message.Domain{}, remedy.New(aDomain, "is empty")
	}
	if strings.Contains(s, "@") {
		return message.Domain{}, remedy.New("write its domain alone", "%s is an address", Quoted(s))
	}
	if meant := pasted(s); meant != "" {
		return message.Domain{}, remedy.New("write "+meant, "%s is not a domain name alone", Quoted(s))
	}
	if err := oddCharacter(s); err != nil {
		return message.Domain{}, err
	}
	d, err := message.ParseDomain(s)
	switch {
	case err != nil:
		cause, fix := remedy.Of(err, aDomain)
		return d, remedy.New(fix, "%s", cause)
	case d.Parent().IsZero():
		return message.Domain{}, remedy.New("write the whole domain", "%s is a single label", Quoted(s))
	case d.IsNumeric():
		return message.Domain{}, remedy.New("no top-level domain is a number", "%s is not a domain", Quoted(s))
	}
	return d, nil
}

// pasted returns the domain in a text as zone files and browsers have it: with a dot at its end, or
// in a web address. Empty: it is another text.
func pasted(s string) string {
	name := s
	if _, rest, web := strings.Cut(s, "://"); web {
		name, _, _ = strings.Cut(rest, "/")
		name, _, _ = strings.Cut(name, ":")
	}
	name = strings.TrimSuffix(name, ".")
	if d, err := message.ParseDomain(name); err == nil && name != s {
		return d.Unicode()
	}
	return ""
}

// oddCharacter returns an error for a character that word processors put into names, such as a
// curly quotation mark, which IDNA accepts as part of a label. Those that RFC 5892 appendix A
// allows between letters are fine.
func oddCharacter(s string) error {
	for _, r := range s {
		if r >= utf8.RuneSelf && !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Number) && !strings.ContainsRune("·・׳״\u200c\u200d", r) {
			return remedy.New("type it with plain ASCII quotation marks and hyphens, or with none", "%s contains %s, which cannot be part of a name", Quoted(s), strconv.QuoteRune(r))
		}
	}
	return nil
}

// domain takes a domain that may be left out.
func (d *document) domain(path, text string) message.Domain {
	if text == "" {
		return message.Domain{}
	}
	domain, err := parseDomain(text)
	if err != nil {
		d.failBy(path, err, "")
	}
	return domain
}

// unique takes a list of values, each of them once, and where in the list each stands. False of
// parse: it has reported the value.
func unique[T comparable](d *document, path string, texts []string, parse func(at, text string) (T, bool), write func(T) string) (all []T, places []int) {
	seen := make(map[T]bool, len(texts))
	for i, text := range texts {
		at := index(path, i)
		switch one, ok := parse(at, text); {
		case !ok:
		case seen[one]:
			d.fail(at, write(one)+" is listed twice", "remove one")
		default:
			seen[one] = true
			all, places = append(all, one), append(places, i)
		}
	}
	return all, places
}

// domains takes a list of domains without patterns.
func (d *document) domains(path string, texts []string) []message.Domain {
	all, _ := unique(d, path, texts, func(at, text string) (message.Domain, bool) {
		if strings.HasPrefix(text, "*") {
			d.fail(at, Quoted(text)+" is a pattern", "name the domains one by one, patterns do not work here")
			return message.Domain{}, false
		}
		domain, err := parseDomain(text)
		if err != nil {
			d.failBy(at, err, "")
		}
		return domain, err == nil
	}, message.Domain.Unicode)
	return all
}

// pattern takes a domain or "*." and a domain: one that somebody can own.
func (d *document) pattern(path, text string) (tenant.Pattern, bool) {
	p, unreadable := tenant.ParsePattern(text)
	_, err := parseDomain(strings.TrimPrefix(text, "*."))
	if unreadable == nil && (err == nil || p.Wildcard) && isPublicSuffix(p.Domain, p.Wildcard) {
		err = publicSuffix(p.Domain, text)
	}
	if err != nil {
		d.failBy(path, err, "")
	}
	return p, err == nil
}

// isPublicSuffix reports whether the names below a domain belong to anybody, by the
// public suffix list. Of the suffixes that companies have put there (github.io)
// the company may be the owner, so only their wildcards are refused.
func isPublicSuffix(d message.Domain, wildcard bool) bool {
	suffix, icann := publicsuffix.PublicSuffix(d.String())
	return suffix == d.String() && (icann || wildcard)
}

func publicSuffix(d message.Domain, text string) error {
	return remedy.New("write the domain itself", "%s covers domains of many owners, because %s is a public suffix", Quoted(text), d.Unicode())
}

// patterns takes a list of patterns, and where in it each stands.
func (d *document) patterns(path string, texts []string) ([]tenant.Pattern, []int) {
	return unique(d, path, texts, d.pattern, tenant.Pattern.String)
}

// apexes returns the domains under which the owner of the patterns publishes.
func apexes(patterns []tenant.Pattern) []message.Domain {
	var all []message.Domain
	seen := make(map[message.Domain]bool, len(patterns))
	for _, p := range patterns {
		if !seen[p.Domain] {
			seen[p.Domain] = true
			all = append(all, p.Domain)
		}
	}
	return all
}

// address takes a mailbox that may be left out.
func (d *document) address(path, text string) message.Address {
	if text == "" {
		return message.Address{}
	}
	a, err := message.ParseAddress(text)
	if err == nil {
		err = oddCharacter(text[strings.LastIndexByte(text, '@')+1:])
	}
	if err != nil {
		d.failBy(path, err, "write an address like postmaster@example.org")
	}
	return a
}

// displayName takes a name that is shown in the header of messages.
func (d *document) displayName(path, name string) string {
	const most = 100
	if n := utf8.RuneCountInString(name); n > most {
		d.fail(path, fmt.Sprintf("has %d characters, and no mail program shows that many", n), fmt.Sprintf("shorten it to %d", most))
	} else if !quotable(name) {
		d.fail(path, Quoted(name)+" is not a name", "write the name that recipients see")
	}
	return name
}

// require reports a key that must have a value and has none.
func (d *document) require(path, text, example string) {
	switch {
	case text != "":
	case d.has(path):
		d.fail(path, "is empty", "write one like "+example)
	default:
		d.fail(path, "is missing", "write one like "+example)
	}
}

// validID reports whether an id is one: it stands in bounce addresses, in paths and
// in the names of metrics.
func validID(id string) bool {
	return 0 < len(id) && len(id) <= 40 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
