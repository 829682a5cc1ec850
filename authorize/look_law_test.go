package authorize_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"onbehalf/authorize"
)

// findings gives all that a report has.
func findings(r authorize.Report) []authorize.Finding {
	all := append([]authorize.Finding{r.SPF, r.ReturnPath, r.Policy}, r.Keys...)
	var there []authorize.Finding
	for _, f := range all {
		if f.Reason != "" {
			there = append(there, f)
		}
	}
	return there
}

// checkWords holds what every finding must hold to, for it goes to logs and terminals:
// it is short, and shows what strangers wrote without letting it act.
func checkWords(t testing.TB, r authorize.Report) {
	t.Helper()
	const longest = 1100
	for _, f := range findings(r) {
		for _, text := range append([]string{f.Text, f.Remedy}, f.Found...) {
			if len(text) > longest {
				t.Errorf("%s: %d octets: %q", f.Reason, len(text), text)
			}
			if !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
				t.Errorf("%s: what does not print in %q", f.Reason, text)
			}
		}
		if f.Text == "" || strings.HasSuffix(f.Text, ".") || strings.HasSuffix(f.Remedy, ".") {
			t.Errorf("%s: not a sentence without a full stop: %q, %q", f.Reason, f.Text, f.Remedy)
		}
		if len(f.Found) > 8 {
			t.Errorf("%s: %d records", f.Reason, len(f.Found))
		}
	}
}
