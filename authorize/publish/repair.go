package publish

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"onbehalf/authorize/record"
)

// reading is what a text says that was meant to be an SPF record.
type reading struct {
	record.SPF
	remarks []string // what is written in another way, or left out
	lost    int      // how much is left out
	// unclear is an exclusion (-, ~ or ?) that cannot be read, with hosts let in behind it. It
	// may be meant for those, so they are left out, and the record is not fit to be published.
	unclear string
	once    map[string]bool // redirect and exp, where they are there
}

// readRecord reads one record. What has faults and one meaning is written in the way that
// receivers read; what has none, or several, is left out. Nothing is ever let in that the text
// does not let in: an exclusion stays one, and what cannot be read lets nobody in.
func readRecord(text string) reading {
	r := reading{once: make(map[string]bool)}
	if _, fault := record.ParseSPF(text); fault != nil {
		r.remarks = append(r.remarks, "the present record is faulty, and receivers ignore all of it")
	}
	excluded := "" // the first exclusion that cannot be read
	for rest := words(text)[1:]; len(rest) > 0; {
		taken, terms, fault := readTerms(rest)
		written := strings.Join(rest[:taken], " ")
		rest = rest[taken:]
		if fault == nil {
			fault = r.misplaced(written, terms)
		}
		if fault != nil {
			r.lost++
			r.remarks = append(r.remarks, fault.Error()+". It is left out here: find out what was meant, and add that")
			if excluded == "" && excludes(written) {
				excluded = written
			}
			continue
		}
		if changed := spelled(terms); changed != written {
			r.remarks = append(r.remarks, fmt.Sprintf("%q is written %q here%s", written, changed, effect(terms, written)))
		}
		r.add(terms, excluded)
	}
	return r
}

// add appends terms, less those that an exclusion before them may be meant for.
func (r *reading) add(terms []record.Term, excluded string) {
	for _, t := range terms {
		if excluded != "" && letsIn(t) && !r.ended() {
			r.unclear = excluded
			r.lost++
			r.remarks = append(r.remarks, fmt.Sprintf("%q is left out here as well: it comes after %q, which may exclude hosts of it", t.Text, excluded))
			continue
		}
		r.Terms = append(r.Terms, t)
	}
}

func (r *reading) ended() bool {
	_, ended := r.All()
	return ended
}

// letsIn reports whether the term can let hosts pass.
func letsIn(t record.Term) bool {
	return t.Qualifier == '+' || t.Qualifier == 0 && t.Name == "redirect"
}

// misplaced says why terms that are good by themselves cannot follow those before them: a
// record has one redirect, and one exp (RFC 7208 section 6).
func (r *reading) misplaced(written string, terms []record.Term) error {
	for _, t := range terms {
		if t.Qualifier != 0 || t.Name != "redirect" && t.Name != "exp" {
			continue
		}
		if r.once[t.Name] {
			return &record.SyntaxError{Term: written, Cause: "appears twice"}
		}
		r.once[t.Name] = true
	}
	return nil
}

// excludes reports whether a text that cannot be read may have kept hosts out.
func excludes(text string) bool { return exclusion.MatchString(asTyped(text)) }

var exclusion = regexp.MustCompile(`(?i)[~?]|(^|[ ,;|:])-|-(include|exists|ip[v46]*|a|mx|ptr)\b|-[0-9]`)

// effect says what a lone qualifier does to the term behind it.
func effect(terms []record.Term, written string) string {
	if t := terms[0]; qualifiers(words(written)) > 0 && t.Name != "all" && t.Qualifier != '+' {
		return ", which keeps those hosts out; if they may send, remove the " + string(t.Qualifier)
	}
	return ""
}

func spelled(terms []record.Term) string { return strings.Join(texts(terms), " ") }

// apart separates records that were pasted into one, with their quotation marks or without, and with
// commas and the like between them.
func apart(text string) []string {
	var all []string
	for _, word := range words(text) {
		if parts := separated(word); slices.ContainsFunc(parts, isVersion) {
			all = append(all, parts...)
		} else {
			all = append(all, word)
		}
	}
	var texts []string
	for _, word := range all {
		switch {
		case isVersion(word):
			texts = append(texts, version)
		case len(texts) == 0:
			texts = append(texts, word)
		default:
			texts[len(texts)-1] += " " + word
		}
	}
	return texts
}

func isVersion(word string) bool { return strings.EqualFold(trimmed(asTyped(word)), version) }

func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' })
}
