package tenant

import "testing"

func TestParseNextHop(t *testing.T) {
	for text, want := range map[string]string{
		"[mx.a.nl]:25": "[mx.a.nl]:25", "[MX.A.nl]": "[mx.a.nl]:25", "mx.a.nl": "mx.a.nl:25", "Mx.a.nl:587": "mx.a.nl:587",
		"192.0.2.1": "[192.0.2.1]:25", "[192.0.2.1]:26": "[192.0.2.1]:26", "2001:DB8::1": "[ipv6:2001:db8::1]:25",
		"[IPv6:2001:db8::1]:25": "[ipv6:2001:db8::1]:25", "[2001:db8::1]": "[ipv6:2001:db8::1]:25", "[::ffff:192.0.2.1]:25": "[192.0.2.1]:25",
		"xn--mnchen-3ya.example:25": "xn--mnchen-3ya.example:25", "[mx]:65535": "[mx]:65535",

		"": "", "[]:25": "", "[]": "", ":25": "", "mx.a.nl:": "", "[mx.a.nl]:": "", "[mx.a.nl]25": "", "[mx.a.nl:25": "", "mx.a.nl]:25": "",
		"192.0.2.1:25": "", "192.0.2.300": "", "[ipv6:192.0.2.1]:25": "", "fe80::1%eth0": "", "[fe80::1%eth0]:25": "", "mx.a.nl:0": "", "mx.a.nl:65536": "",
		"mx.a.nl:+25": "", "mx.a.nl:smtp": "", "mx a.nl:25": "", "smtp:[mx.a.nl]:25": "", "[mx.a.nl]:25,[mx.b.nl]:25": "", "*": "", ".a.nl": "", "a_b.nl:25": "",
	} {
		hop, err := ParseNextHop(text)
		if got := hop.String(); got != want || (err == nil) != (want != "") {
			t.Errorf("ParseNextHop(%q) is %q, %v; want %q", text, got, err, want)
		}
		if again, _ := ParseNextHop(hop.String()); want != "" && again != hop {
			t.Errorf("%q reads back as %v", hop, again)
		}
	}
}

func TestStricterTLS(t *testing.T) {
	levels := []TLS{TLSMay, TLSEncrypt, TLSVerify}
	for i, a := range levels {
		for j, b := range levels {
			if got := a.Stricter(b); got != levels[max(i, j)] {
				t.Errorf("%s and %s: %s", a, b, got)
			}
		}
	}
}
