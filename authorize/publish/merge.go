package publish

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"onbehalf/authorize/record"
)

// merge makes one SPF record of ours and all that are present, and says what its
// publisher should know. Our terms come first: a receiver stops at the first match, so
// that neither lookups nor faults behind them touch our mail. It lets
// nobody pass who passes neither by one of those that are present, as they were meant, nor by ours. Of fit it reports
// whether it can be published, or something has to be found out before.
func merge(present []string, ours []record.Term) (s record.SPF, remarks []string, fit bool) {
	var parts []record.SPF
	fit = true
	for _, text := range present {
		for _, one := range apart(text) {
			part := readRecord(one)
			parts = append(parts, part.SPF)
			remarks = append(remarks, part.remarks...)
			fit = fit && part.unclear == ""
		}
	}
	switch len(parts) {
	case 0:
		return record.SPF{Terms: ours}, nil, true
	case 1:
		s = parts[0]
	default:
		var more []string
		s, more = union(parts)
		remarks = append(remarks, more...)
	}
	s, warnings := narrowed(putFirst(ours, s))
	return s, append(remarks, warnings...), fit
}

// narrowed takes out what lets every host on the Internet pass.
func narrowed(s record.SPF) (record.SPF, []string) {
	const everyone = "the present record has %s, which lets every host on the Internet send as this domain; it is %s here, so add everything else that sends mail before you publish it"
	var terms []record.Term
	var remarks []string
	ended := false
	for _, t := range s.Terms {
		switch {
		case !t.Everyone():
			terms = append(terms, t)
		case ended:
			remarks = append(remarks, fmt.Sprintf("%s after the all is left out here: receivers do not read it", t.Text))
		case t.Name == "all":
			terms = append(terms, term("~all"))
			remarks = append(remarks, fmt.Sprintf(everyone, t.Text, "~all"))
		default:
			remarks = append(remarks, fmt.Sprintf(everyone, t.Text, "left out"))
		}
		ended = ended || t.Name == "all" && t.Qualifier != 0
	}
	return record.SPF{Terms: terms}, remarks
}

// putFirst puts our terms before the others, and takes them out where they stood.
func putFirst(ours []record.Term, s record.SPF) record.SPF {
	terms := slices.Clone(ours)
	for _, t := range s.Terms {
		if !holds(ours, t) {
			terms = append(terms, t)
		}
	}
	return record.SPF{Terms: terms}
}

// union joins records: the terms of each, up to its all, without duplicates.
func union(parts []record.SPF) (record.SPF, []string) {
	var terms, redirects, ends []record.Term
	var remarks []string
	seen := make(map[string]bool)
	for i, part := range parts {
		end, ended := part.All()
		for _, t := range part.Terms {
			if ended && t == end {
				break // receivers do not look behind it
			}
			redirect := t.Name == "redirect" && t.Qualifier == 0
			if redirect && ended {
				continue
			}
			if excluding := t.Qualifier != '+' && t.Qualifier != 0; excluding && i < len(parts)-1 {
				remarks = append(remarks, fmt.Sprintf("%s of one record keeps its hosts out of the others as well", t.Text))
			}
			if seen[meaning(t)] {
				continue
			}
			seen[meaning(t)] = true
			if redirect {
				redirects = append(redirects, t)
			} else {
				terms = append(terms, t)
			}
		}
		if ended {
			ends = append(ends, end)
		}
	}
	merged := fmt.Sprintf("%d records were merged into this one, which replaces them all: with several SPF records, receivers ignore all of them", len(parts))
	terms, more := finish(terms, redirects, ends)
	return record.SPF{Terms: terms}, slices.Concat(remarks, []string{merged + weaker(ends)}, more)
}

// finish gives the joined terms one end: the most permissive all or, where there is none, a
// redirect. Receivers follow one redirect, and only where there is no all; the others
// become includes.
func finish(terms, redirects, ends []record.Term) ([]record.Term, []string) {
	if len(ends) == 0 && len(redirects) > 0 {
		ends, redirects = redirects[len(redirects)-1:], redirects[:len(redirects)-1]
	}
	var remarks []string
	for _, t := range redirects {
		include := term("include:" + t.Value)
		if !holds(terms, include) {
			terms = append(terms, include)
		}
		remarks = append(remarks, fmt.Sprintf("%s of one record became %s, because another record has an end of its own", t.Text, include.Text))
	}
	if len(ends) > 0 {
		terms = append(terms, slices.MinFunc(ends, morePermissive))
	}
	return terms, remarks
}

// weaker says that records end differently. Of +all there is more to say.
func weaker(ends []record.Term) string {
	if len(ends) < 2 {
		return ""
	}
	weak, strong := slices.MinFunc(ends, morePermissive), slices.MaxFunc(ends, morePermissive)
	if weak.Qualifier == strong.Qualifier || weak.Everyone() {
		return ""
	}
	return fmt.Sprintf(". One of them ends in %s and another in %s; this one has %s, the weaker, so that no mail is refused that was accepted before. Change it to %s when everything that sends mail is named", strong.Text, weak.Text, weak.Text, strong.Text)
}

func morePermissive(a, b record.Term) int {
	const order = "+?~-"
	return strings.IndexByte(order, a.Qualifier) - strings.IndexByte(order, b.Qualifier)
}

// holds reports whether one of the terms says the same, whatever its qualifier.
func holds(terms []record.Term, t record.Term) bool {
	return slices.ContainsFunc(terms, func(other record.Term) bool { return meaning(other) == meaning(t) })
}

// meaning is equal for terms that name the same hosts. There is one exp in a record.
func meaning(t record.Term) string {
	value := strings.TrimSuffix(strings.ToLower(t.Value), ".")
	switch {
	case t.Qualifier == 0 && t.Name == "exp":
		return "exp="
	case t.Qualifier == 0:
		return t.Name + "=" + value
	case t.Name == "ip4" || t.Name == "ip6":
		value = network(value)
	}
	return t.Name + ":" + value
}

// network returns the one spelling of an address or prefix.
func network(text string) string {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked().String()
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(addr, addr.BitLen()).String()
	}
	return text
}

// stands reports whether a record names all of our terms to receivers that read it.
func stands(text string, ours []record.Term) bool {
	s, err := record.ParseSPF(text)
	if err != nil {
		return false
	}
	var reached []record.Term
	for _, t := range s.Terms {
		if t.Name == "all" {
			break
		}
		if t.Qualifier == '+' {
			reached = append(reached, t)
		}
	}
	return !slices.ContainsFunc(ours, func(t record.Term) bool { return !holds(reached, t) })
}

// term makes a term of a text that is known to be one.
func term(text string) record.Term {
	s, _ := record.ParseSPF("v=spf1 " + text)
	return s.Terms[0]
}

// sameRecord reports whether two texts are the same record to receivers.
func sameRecord(text string, s record.SPF) bool {
	parsed, _ := record.ParseSPF(text) // s has no fault, so neither has what equals it
	return strings.EqualFold(parsed.String(), s.String())
}
