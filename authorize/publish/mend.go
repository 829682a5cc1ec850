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
	for rest := words(text)[1:]; len(rest) > 0; {
		taken, t, ok := mendTerm(rest)
		written := strings.Join(rest[:taken], " ")
		rest = rest[taken:]
		kept, err := record.ParseSPF(good.String() + " " + t)
		switch {
		case !ok || err != nil:
			remarks = append(remarks, leftOut(written, good))
			continue
		case t != written:
			remarks = append(remarks, fmt.Sprintf("%q is written %q here", written, t))
		}
		good = kept
	}
	return good, remarks
}

func leftOut(written string, before record.SPF) string {
	_, err := record.ParseSPF(before.String() + " " + written)
	return fmt.Sprintf("%v. It is left out here: find out what was meant, and put that in", err)
}

// mendTerm reads one term from some words: as it stands, joined with the next word, or
// without what was pasted in with it.
func mendTerm(rest []string) (taken int, text string, ok bool) {
	if sound(rest[0]) {
		return 1, rest[0], true
	}
	if strings.HasSuffix(rest[0], ":") && len(rest) > 1 && sound(rest[0]+rest[1]) {
		return 2, rest[0] + rest[1], true
	}
	bare := strings.Trim(strings.NewReplacer("–", "-", "—", "-", "−", "-", "‑", "-").Replace(rest[0]), `"';,`)
	for _, text := range []string{bare, "ip4:" + bare, "ip6:" + bare} {
		if sound(text) {
			return 1, text, true
		}
	}
	return 1, "", false
}

// sound tells whether a text is one term.
func sound(text string) bool {
	s, err := record.ParseSPF(version + " " + text)
	return err == nil && len(s.Terms) == 1
}
