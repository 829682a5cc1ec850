package authorize

import (
	"strings"
	"testing"
)

// TestShown: what strangers wrote is seen, and does nothing.
func TestShown(t *testing.T) {
	long := strings.Repeat("é", longestText)
	for text, want := range map[string]string{
		"":                              "",
		`v=DKIM1\; p="x"`:               `v=DKIM1\; p="x"`,
		"Münster – ok":                  "Münster – ok",
		"\x1b[31mred\x1b[0m\a":          `\x1b[31mred\x1b[0m\a`,
		"two\r\nlines\tand a tab":       `two\r\nlines\tand a tab`,
		"\x00\x7f\xff":                  `\x00\x7f\xff`,
		"turned \u202eround":            `turned \u202eround`,
		"no-break\u00a0space\u200bzero": `no-break\u00a0space\u200bzero`,
		"\ufffd itself":                 "\ufffd itself",
		long:                            long[:1020] + "...",
	} {
		got := shown(text)
		if got != want {
			t.Errorf("%q is shown as %s, want %s", text, got, want)
		}
		if again := shown(got); again != got {
			t.Errorf("%s, shown again, is %s", got, again)
		}
		if len(got) > longestText {
			t.Errorf("%q: %d octets", text, len(got))
		}
	}
}
