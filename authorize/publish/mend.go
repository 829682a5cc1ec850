package publish

import (
	"fmt"
	"strings"

	"onbehalf/authorize/record"
)

// version begins an SPF record.
const version = "v=spf1"

// recovered reads a text that was meant to be an SPF record, and that receivers do not
// take for one.
func recovered(text string) (string, bool) {
	text = strings.NewReplacer(`" "`, "", `"`, "", "\u00a0", " ", "\ufeff", "", "\t", " ", ";", " ").Replace(text)
	text = strings.TrimSpace(text)
	if strings.HasPrefix(strings.ToLower(text), "spf1") {
		text = "v=" + text
	}
	if at := strings.Index(text, version); at > 0 {
		text = text[at:]
	}
	return text, record.IsSPF(text)
}

// apart separates records that were pasted into one.
func apart(text string) []string {
	var texts []string
	for _, word := range words(text) {
		if len(texts) == 0 || strings.EqualFold(word, version) {
			texts = append(texts, word)
			continue
		}
		texts[len(texts)-1] += " " + word
	}
	return texts
}

func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' })
}

// mended reads a record with faults: it keeps the terms that are good and mends those
// whose meaning is plain. Nothing is added that would be a guess.
func mended(text string) (record.SPF, []string) {
	s, fault := record.ParseSPF(text)
	if fault == nil {
		return s, nil
	}
	remarks := []string{"the present record is faulty, and receivers heed nothing in it"}
	var good record.SPF
	once := make(map[string]bool) // redirect and exp may stand there once
	for rest := words(text)[1:]; len(rest) > 0; {
		taken, t, cause := mendTerm(rest)
		written := strings.Join(rest[:taken], " ")
		rest = rest[taken:]
		if single := t.Qualifier == 0 && (t.Name == "redirect" || t.Name == "exp"); single && cause == nil {
			if once[t.Name] {
				cause = &record.SyntaxError{Term: written, Cause: "is there twice"}
			}
			once[t.Name] = true
		}
		switch {
		case cause != nil:
			remarks = append(remarks, cause.Error()+". It is left out here: find out what was meant, and put that in")
			continue
		case t.Text != written:
			remarks = append(remarks, fmt.Sprintf("%q is written %q here", written, t.Text))
		}
		good.Terms = append(good.Terms, t)
	}
	return good, remarks
}

// mendTerm reads one term from some words: as it stands, joined with the next word, or
// without what was pasted in with it.
func mendTerm(rest []string) (taken int, t record.Term, cause error) {
	t, cause = readTerm(rest[0])
	if cause == nil {
		return 1, t, nil
	}
	if strings.HasSuffix(rest[0], ":") && len(rest) > 1 {
		if joined, err := readTerm(rest[0] + rest[1]); err == nil {
			return 2, joined, nil
		}
	}
	bare := strings.Trim(dashes.Replace(rest[0]), `"';,`)
	for _, text := range []string{bare, "ip4:" + bare, "ip6:" + bare} {
		if mended, err := readTerm(text); err == nil {
			return 1, mended, nil
		}
	}
	return 1, t, cause
}

// dashes are what word processors make of a hyphen.
var dashes = strings.NewReplacer("–", "-", "—", "-", "−", "-", "‑", "-")

// readTerm reads a text as one term.
func readTerm(text string) (record.Term, error) {
	s, err := record.ParseSPF(version + " " + text)
	if err == nil && len(s.Terms) != 1 {
		err = &record.SyntaxError{Term: text, Cause: "is not one term"}
	}
	if err != nil {
		return record.Term{}, err
	}
	return s.Terms[0], nil
}
