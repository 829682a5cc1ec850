package tenant

import (
	"strings"
	"testing"
)

func TestValidSelector(t *testing.T) {
	long := strings.Repeat("a", 63)
	for s, want := range map[string]bool{
		"cw1": true, "2024-01": true, "S1": true, "a.b": true, "7": true, long: true,
		"": false, ".": false, "a.": false, ".a": false, "a..b": false, "-a": false, "a-": false, "a_b": false,
		"a;b": false, "a b": false, "a:b": false, "a=b": false, "ä": false, "a\r\nb": false, "[": false, "@": false, "`": false, "{": false,
		long + "a": false, strings.Join([]string{long, long, long, long}, "."): false,
	} {
		if got := ValidSelector(s); got != want {
			t.Errorf("%q: %t", s, got)
		}
	}
}
