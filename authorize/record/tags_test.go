package record_test

import (
	"strings"
	"testing"

	"onbehalf/authorize/record"
)

func TestPasted(t *testing.T) {
	const (
		around  = "quotation marks were pasted in and are part of the record"
		between = "quotation marks between the parts of the text were pasted in and are part of the record"
		slashes = "backslashes before the semicolons were pasted in and are part of the record"
	)
	for text, want := range map[string]string{
		"":                           "",
		"v=spf1 -all":                "",
		`v=DKIM1; n="a" ; p=`:        "",
		`v=DKIM1; n=a\b; p=`:         "",
		`v=DKIM1; p=A""A`:            "",
		`"`:                          around,
		`"v=spf1 -all"`:              around,
		"\r\n \"v=spf1 -all\"\t":     around,
		`"v=spf1 -all`:               around,
		`v=spf1 -all"`:               around,
		`"v=DKIM1; p=A" "A"`:         around,
		`v=DKIM1; p=A" "A`:           between,
		`v=DKIM1\; p=A`:              slashes,
		`v=DKIM1\;`:                  slashes,
		strings.Repeat(`\`, 9) + ";": slashes,
	} {
		if got := record.Pasted(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}
