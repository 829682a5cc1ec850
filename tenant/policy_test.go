package tenant_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/tenant"
)

func TestParsePattern(t *testing.T) {
	for in, want := range map[string]string{
		"example.org": "example.org", "*.example.org": "*.example.org", "*.MÜNCHEN.example": "*.xn--mnchen-3ya.example", "*.nl": "*.nl",
		"": "", "*": "", "*.": "", "*example.org": "", "a.*.example.org": "", "*.*.example.org": "", "**.example.org": "", ".example.org": "",
	} {
		p, err := tenant.ParsePattern(in)
		if (err == nil) != (want != "") || err == nil && p.String() != want {
			t.Errorf("ParsePattern(%q) = %s, %v", in, p, err)
		}
	}
}

func TestPatternCovers(t *testing.T) {
	for _, test := range []struct {
		pattern, domain string
		want            bool
	}{
		{"example.org", "example.org", true},
		{"example.org", "a.example.org", false},
		{"*.example.org", "example.org", false},
		{"*.example.org", "a.example.org", true},
		{"*.example.org", "a.b.example.org", true},
		{"*.example.org", "notexample.org", false},
		{"*.example.org", "a.notexample.org", false},
	} {
		p, err := tenant.ParsePattern(test.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Covers(domain(t, test.domain)); got != test.want {
			t.Errorf("%s covers %s: %v", p, test.domain, got)
		}
		own := tenant.Platform{Domains: []tenant.Pattern{p}}
		if got := own.Owns(domain(t, test.domain)); got != test.want {
			t.Errorf("a platform of %s owns %s: %v", p, test.domain, got)
		}
	}
	if (&tenant.Platform{}).Owns(domain(t, "example.org")) {
		t.Error("a platform of nothing owns example.org")
	}
}

func TestDirectCovers(t *testing.T) {
	d := tenant.Direct{Domains: []message.Domain{domain(t, "x.example")}}
	if !d.Covers(domain(t, "X.example")) || d.Covers(domain(t, "a.x.example")) || d.Covers(message.Domain{}) || (tenant.Direct{}).Covers(message.Domain{}) {
		t.Error("direct delivery covers other than what is named")
	}
}

func TestIdentity(t *testing.T) {
	id := tenant.Identity{SDID: domain(t, "x.example"), Selector: "cw1", Algorithm: tenant.RSA}
	if id.String() != "cw1._domainkey.x.example" {
		t.Error(id)
	}
}

func TestTrusts(t *testing.T) {
	networks := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	tests := []struct {
		name          string
		authenticated bool
		who           message.Submitter
		want          bool
	}{
		{"in a network", false, message.Submitter{Client: netip.MustParseAddr("192.0.2.1")}, true},
		{"mapped into a network", false, message.Submitter{Client: netip.MustParseAddr("::ffff:192.0.2.1")}, true},
		{"in an IPv6 network", false, message.Submitter{Client: netip.MustParseAddr("2001:db8::1")}, true},
		{"outside", true, message.Submitter{Client: netip.MustParseAddr("198.51.100.1")}, false},
		{"logged in", true, message.Submitter{Client: netip.MustParseAddr("198.51.100.1"), Login: "a"}, true},
		{"logged in, which counts for nothing", false, message.Submitter{Client: netip.MustParseAddr("198.51.100.1"), Login: "a"}, false},
		{"local", false, message.Submitter{Local: true}, true},
		{"nothing known", true, message.Submitter{}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := tenant.Platform{Trust: tenant.Trust{Networks: networks, Authenticated: test.authenticated}}
			if got := p.Trusts(test.who); got != test.want {
				t.Errorf("trusted: %v", got)
			}
		})
	}
}

func TestSubmitters(t *testing.T) {
	s := tenant.Submitters{Logins: []string{"a"}, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	inside, outside := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	for _, test := range []struct {
		who  message.Submitter
		want bool
	}{
		{message.Submitter{Login: "a", Client: outside}, true},
		{message.Submitter{Login: "b", Client: inside}, true},
		{message.Submitter{Login: "b", Client: outside}, false},
		{message.Submitter{Local: true}, false},
		{message.Submitter{}, false},
	} {
		if got := s.Include(test.who); got != test.want {
			t.Errorf("%+v is included: %v", test.who, got)
		}
	}
	if s.IsZero() || !(tenant.Submitters{}).IsZero() || (tenant.Submitters{Logins: []string{""}}).Include(message.Submitter{}) {
		t.Error("nobody is somebody")
	}
}

// TestSecretNeverPrints prints a secret, and what holds one, in every way there is.
func TestSecretNeverPrints(t *testing.T) {
	const octets = "hunter2-hunter2-hunter2"
	secret := tenant.NewSecret([]byte(octets))
	if string(secret.Octets()) != octets {
		t.Error("the secret is lost")
	}
	holder := tenant.SRS{Secrets: []tenant.Secret{secret}}
	whole := &tenant.Platform{SRS: holder}
	var printed strings.Builder
	hidden := struct{ srs tenant.SRS }{holder}
	for _, v := range []any{hidden, &hidden, secret, &secret, []tenant.Secret{secret}, map[string]tenant.Secret{"a": secret}, holder, &holder, whole, *whole} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
			fmt.Fprintf(&printed, verb+"\n", v)
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		printed.Write(text)
		var log bytes.Buffer
		for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(handler).Info("x", "secret", v)
		}
		printed.Write(log.Bytes())
	}
	for _, shown := range []string{octets, fmt.Sprintf("%x", octets), fmt.Sprintf("%X", octets), "hunter", fmt.Sprint([]byte(octets))} {
		if strings.Contains(printed.String(), shown) {
			_, behind, _ := strings.Cut(printed.String(), shown)
			t.Errorf("%s is printed before %.100q", shown, behind)
		}
	}
}

func TestParseTemplate(t *testing.T) {
	tests := []struct{ in, fail string }{
		{"{name} via {platform}", ""},
		{"no placeholder", ""},
		{"{name}{name}", ""},
		{"", "it is empty"},
		{"{nam} x", "{nam} is not known here; use {name}, {platform}"},
		{"{}", "{} is not known"},
		{"{ name }", "{ name } is not known"},
		{"{Name}", "{Name} is not known"},
		{"{name", "a { without a }"},
		{"name}", "a } without a {"},
		{"{{name}}", "{{name} is not known"},
		{"{name}}", "a } without a {"},
		{"}{", "a } without a {"},
		{"{", "a { without a }"},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			made, err := tenant.ParseTemplate(test.in, "name", "platform")
			switch {
			case test.fail == "" && (err != nil || made.String() != test.in):
				t.Errorf("%q, %v", made, err)
			case test.fail != "" && (err == nil || !strings.Contains(err.Error(), test.fail)):
				t.Errorf("error %v, want %q", err, test.fail)
			}
		})
	}
}

func TestTemplateExpand(t *testing.T) {
	values := map[string]string{"name": "Ann {platform}", "platform": "Course{ware", "tenant": "}"}
	for in, want := range map[string]string{
		"{name} via {platform}": "Ann {platform} via Course{ware", // what a value holds is not expanded
		"{tenant}{name}":        "}Ann {platform}",
		"plain":                 "plain",
		"<{name}>{platform}.":   "<Ann {platform}>Course{ware.",
	} {
		made, err := tenant.ParseTemplate(in, "name", "platform", "tenant")
		if err != nil {
			t.Fatal(err)
		}
		if got := made.Expand(func(name string) string { return values[name] }); got != want {
			t.Errorf("%q expands to %q, want %q", in, got, want)
		}
	}
	if got := (tenant.Template{}).Expand(func(string) string { return "x" }); got != "" {
		t.Errorf("the zero template expands to %q", got)
	}
	standard := tenant.DefaultFromName()
	if !standard.Holds("name") || !standard.Holds("platform") || standard.Holds("tenant") || standard.Holds("nam") {
		t.Errorf("%s holds other placeholders", standard)
	}
	if _, err := tenant.ParseTemplate(standard.String(), "name", "platform"); err != nil {
		t.Error(err)
	}
}
