package milter

import (
	"slices"
	"strings"
	"testing"
)

// TestInspector: what is found does not depend on how the body is cut into chunks.
func TestInspector(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"empty":               {"", nil},
		"text":                {"one\r\ntwo\r\n", nil},
		"no final line end":   {"one\r\ntwo", nil},
		"998 octets":          {x(998) + "\r\n" + x(998), nil},
		"998 octets and LF":   {x(998) + "\n", nil},
		"998 and half an end": {x(997) + "\r", nil},
		"999 octets":          {x(999) + "\r\n", []string{"long-line"}},
		"999 octets and LF":   {x(999) + "\n", []string{"long-line"}},
		"999 octets, no end":  {x(999), []string{"long-line"}},
		"long, then short":    {x(999) + "\r\nx\r\n", []string{"long-line"}},
		"CRs in the line":     {strings.Repeat("\r", 500) + x(498) + "\r\n", nil},
		"one CR too many":     {x(998) + "\r\r\n", []string{"long-line"}},
		"8-bit":               {"gr\xc3\xb6\xc3\x9fer\r\n", []string{"8bit"}},
		"no UTF-8":            {"gr\xf6\xdfer\r\n", []string{"8bit"}},
		"highest 7-bit octet": {"\x7f\r\n", nil},
		"lowest 8-bit octet":  {"\x80", []string{"8bit"}},
		"both":                {"\xff\r\n" + x(2000), []string{"8bit", "long-line"}},
	} {
		for split := range len(c.body) + 1 {
			var i inspector
			i.write([]byte(c.body[:split]))
			i.write(nil)
			i.write([]byte(c.body[split:]))
			if got := i.fragile(); !slices.Equal(got, c.want) {
				t.Fatalf("%s, cut at %d: %q, want %q", name, split, got, c.want)
			}
		}
		var i inspector
		for n := range c.body {
			i.write([]byte(c.body[n : n+1]))
		}
		if got := i.fragile(); !slices.Equal(got, c.want) {
			t.Errorf("%s, octet by octet: %q, want %q", name, got, c.want)
		}
	}
}
