package dmarc

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// tagStart is where a tag of a DMARC record begins to a verifier that forgives what stands, or is
// missing, before it.
var tagStart = regexp.MustCompile(`(?i)(^|[;\s])\s*(v|p|sp|np|adkim|aspf|rua|ruf|pct|fo|rf|ri|psd|t)\s*=`)

// forgiven returns the tags of a text in their order, however they are separated: name and value.
func forgiven(text string) [][2]string {
	var tags [][2]string
	starts := tagStart.FindAllStringSubmatchIndex(text, -1)
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		tags = append(tags, [2]string{strings.ToLower(text[at[4]:at[5]]), strings.Trim(text[at[1]:end], blank+";")})
	}
	return tags
}

// isForgiven reports whether a forgiving verifier takes a text for a DMARC record.
func isForgiven(tags [][2]string) bool {
	return slices.Contains(tags, [2]string{"v", "DMARC1"})
}

// Strictest reads the texts at a name in the strictest way that a verifier in wide use does,
// and returns the text that it is from; false: there is none with a policy. RFC 9989 section 4.7
// and 4.10 ignore several records, one without a semicolon behind v=DMARC1 or with another tag
// before it, and make p=none of one whose sp= cannot be read; OpenDMARC and rspamd do not, each of
// them in some of these cases.
func Strictest(texts []string) (strictest Record, from string, found bool) {
	for _, text := range texts {
		tags := forgiven(text)
		if !isForgiven(tags) {
			continue
		}
		d := Record{Suffix: "u"}
		for _, tag := range tags {
			switch tag[0] {
			case "p":
				d.Policy = d.Policy.Stricter(policy(tag[1]))
			case "sp":
				d.Subdomains = d.Subdomains.Stricter(policy(tag[1]))
			case "adkim":
				d.StrictDKIM = d.StrictDKIM || strings.EqualFold(tag[1], "s")
			case "aspf":
				d.StrictSPF = d.StrictSPF || strings.EqualFold(tag[1], "s")
			}
		}
		if d.Policy == Unknown {
			continue
		}
		d.Subdomains = cmp.Or(d.Subdomains, d.Policy)
		d.Absent = d.Subdomains
		if strictest.Policy.Stricter(d.Policy) != strictest.Policy {
			strictest, from = d, text
		}
		found = true
	}
	return strictest, from, found
}

// Those that forgive. What they do is read from their source and seen.
const (
	byBoth      = "OpenDMARC and rspamd"
	byOpenDMARC = "OpenDMARC"
	byRspamd    = "rspamd"
)

// Fault says why receivers read a text differently that Strictest takes for a record,
// and the software of those that forgive it; empty: they do not.
func Fault(text string) (why, forgivenBy string) {
	tags := forgiven(text)
	if !isForgiven(tags) {
		return "", ""
	}
	first, values, twice := tags[0], make(map[string]string), ""
	for _, tag := range tags {
		if _, found := values[tag[0]]; found && twice == "" {
			twice = tag[0]
		}
		values[tag[0]] = tag[1]
	}
	sp, hasSP := values["sp"]
	switch {
	case first[0] != "v":
		return "it does not begin with v=DMARC1", byOpenDMARC
	case !IsRecord(text):
		return "there is no semicolon after v=DMARC1", byRspamd
	case twice != "":
		return "its tag " + twice + "= appears twice", byBoth
	case hasSP && policy(sp) == Unknown:
		return fmt.Sprintf("its sp= is %.60q, which is not one of none, quarantine and reject", sp), byBoth
	case len(tags) > len(lenient(text)):
		return "a semicolon is missing between its tags", byRspamd
	}
	return "", ""
}

// Repaired writes a text as all receivers read it: with the policy that the strictest of them
// sees, and without what they cannot read.
func Repaired(text string, as Record) string {
	b := "v=DMARC1; p=" + string(as.Policy)
	done := map[string]bool{"v": true, "p": true}
	for _, tag := range forgiven(text) {
		name, value := tag[0], tag[1]
		isPolicy := name == "sp" || name == "np"
		if done[name] || value == "" || strings.Contains(value, ";") || isPolicy && policy(value) == Unknown {
			continue
		}
		done[name] = true
		if name == "sp" {
			value = string(as.Subdomains)
		}
		b += "; " + name + "=" + value
	}
	return b
}
