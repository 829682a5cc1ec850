package record_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"onbehalf/authorize/record"
)

func TestIsSPF(t *testing.T) {
	for text, want := range map[string]bool{
		"v=spf1": true, "V=SPF1 -all": true, "v=spf1 ": true, "v=spf1  a": true,
		"": false, " v=spf1": false, "v=spf10": false, "v=spf1;": false, "v=spf1\t-all": false, `"v=spf1 -all"`: false, "spf2.0/pra": false, "v=spf1-all": false,
	} {
		if got := record.IsSPF(text); got != want {
			t.Errorf("IsSPF(%q) = %v", text, got)
		}
	}
}

func TestParseSPF(t *testing.T) {
	got, err := record.ParseSPF("v=spf1  Include:_spf.x.nl ~A/24 mx:%{d}/24//64 ?ip6:2001:db8::/32 -all redirect=X.nl x-y=%{d}/24 ")
	want := record.SPF{Terms: []record.Term{
		{"Include:_spf.x.nl", '+', "include", "_spf.x.nl"},
		{"~A/24", '~', "a", "/24"},
		{"mx:%{d}/24//64", '+', "mx", "%{d}/24//64"},
		{"?ip6:2001:db8::/32", '?', "ip6", "2001:db8::/32"},
		{"-all", '-', "all", ""},
		{"redirect=X.nl", 0, "redirect", "X.nl"},
		{"x-y=%{d}/24", 0, "x-y", "%{d}/24"},
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got.String() != "v=spf1 Include:_spf.x.nl ~A/24 mx:%{d}/24//64 ?ip6:2001:db8::/32 -all redirect=X.nl x-y=%{d}/24" {
		t.Error(got)
	}
	var domains, lookUps []string
	for _, term := range got.Terms {
		domains = append(domains, term.Domain())
		lookUps = append(lookUps, fmt.Sprint(term.LooksUp()))
	}
	if d := strings.Join(domains, ","); d != "_spf.x.nl,,%{d},,,X.nl," {
		t.Error(d)
	}
	if l := strings.Join(lookUps, " "); l != "true true true false false true false" {
		t.Error(l)
	}
	all, found := got.All()
	redirect, redirects := got.Redirect()
	if !found || all.Text != "-all" || !redirects || redirect.Value != "X.nl" {
		t.Error(all, redirect)
	}
}

// TestSPFGrammar holds each term against RFC 7208 section 12.
func TestSPFGrammar(t *testing.T) {
	for _, test := range []struct{ term, fault string }{
		{"all", ""}, {"-ALL", ""}, {"all:x.nl", "takes no value"}, {"all/8", "takes no value"}, {"all:", "takes no value"}, {"al", "not a mechanism"}, {"-all.", "not a mechanism"},
		{"include:x.nl", ""}, {"include:x.nl.", ""}, {"include:%{d}", ""}, {"include:%{d}.x.nl", ""}, {"include:%%", ""},
		{"include", "no domain"}, {"include:", "no domain"}, {"include/24", "does not take"}, {"include:x.nl/24", "with a dot in it"},
		{"include:localhost", "with a dot in it"}, {"include:1.2.3.4", "with a dot in it"}, {"include:x.-nl", "with a dot in it"}, {"include:x.n_l", "with a dot in it"}, {"include:x..", "with a dot in it"},
		{"include:%{d}nl", "with a dot in it"}, {"include:%{d", "without a }"}, {"include:%{x}.nl", "does not know"}, {"include:%{}.nl", "does not know"}, {"include:a%b.nl", "lone %"}, {"include:x.nl%", "lone %"},
		{"exists:%{ir}.%{l1r-}._spf.%{d2}", ""}, {"exists:%{I}.x.nl", ""}, {"exists:%{d0}.x.nl", "keeps no label"}, {"exists:%{dr2}.x.nl", "does not know"}, {"exists:%{c}.x.nl", "does not know here"}, {"exists:%{d10}.x.nl", ""}, {"exists", "no domain"},
		{"a", ""}, {"+a", ""}, {"a:x.nl", ""}, {"a/0", ""}, {"a/32", ""}, {"a//0", ""}, {"a/24//128", ""}, {"a:x.nl/24//64", ""}, {"a:%{d/}/24", ""}, {"mx:%{d}//64", ""},
		{"a:", "no domain"}, {"a/", "prefix length"}, {"a/33", "prefix length"}, {"a//129", "prefix length"}, {"a/024", "prefix length"}, {"a/+4", "prefix length"}, {"a/24/64", "prefix length"}, {"a//", "prefix length"}, {"a:/24", "no domain"}, {"a:x.nl/33", "prefix length"}, {"mx/1//", "prefix length"},
		{"ptr", ""}, {"ptr:x.nl", ""}, {"ptr/24", "does not take"}, {"ptr:", "no domain"},
		{"ip4:1.2.3.4", ""}, {"ip4:1.2.3.4/0", ""}, {"ip4:1.2.3.4/33", "prefix length"}, {"ip4:1.2.3.4/", "prefix length"}, {"ip4:1.2.3.4/08", "prefix length"}, {"ip4:1.2.3", "for an address"}, {"ip4:1.2.3.04", "for an address"}, {"ip4:1.2.3.256", "for an address"},
		{"ip4:x.nl", "for an address"}, {"ip4", "no colon"}, {"ip4:", "no address"}, {"ip4/24", "no colon"}, {"ip4:2001:db8::1", "that is ip6:"}, {"ip6:1.2.3.4", "that is ip4:"}, {"ip4:1.2.3.4//24", "prefix length"}, {"ip4:1.2.3.4,5.6.7.8", "separated by spaces"},
		{"ip6:::1.2.3.4/128", ""}, {"ip6:::ffff:1.2.3.4", ""}, {"ip6:::ffff:102:304/120", ""}, {"exists:%{i,}.x.nl", ""}, {"ip6:2001:db8::1/129", "prefix length"}, {"ip6:fe80::1%eth0", "for an address"},
		{"redirect=x.nl", ""}, {"redirect=", "no domain"}, {"redirect:x.nl", "takes ="}, {"-redirect=x.nl", "qualifier"}, {"redirect=%{r}.x.nl", "does not know here"},
		{"exp=%{d}.x.nl", ""}, {"x=", ""}, {"x.y_z-1=%{c}", ""}, {"x=%", "lone %"}, {"1x=y", "no name"}, {"=y", "no name"}, {"include=x.nl", ""},
		{"ip:1.2.3.4", "write ip4:"}, {"ipv6:::1", "write ip6:"}, {"1.2.3.4", "write ip4:"}, {"-2001:db8::1", "write ip6:"}, {"spf.x.nl", "write include:"}, {"+", "no name"}, {"–all", "plain hyphen"}, {"-all;", "separated by spaces"},
		{"include:münchen.nl", "not printable ASCII"}, {"a\ta", "a tab"}, {"a\x00", "not printable"}, {"a\xff", "not printable"}, {`-all"`, "quotation mark"}, {"include:x.nl,y.nl", "separated by spaces"},
	} {
		got, err := record.ParseSPF("v=spf1 a " + test.term + " nonsense mx")
		var fault *record.SyntaxError
		if !errors.As(err, &fault) || len(got.Terms) != 4 || got.Terms[1].Text != test.term {
			t.Fatalf("%s: %+v, %v", test.term, got, err)
		}
		switch {
		case test.fault == "" && fault.Term != "nonsense":
			t.Errorf("%s is refused: %v", test.term, err)
		case test.fault != "" && (fault.Term != test.term || !strings.Contains(fault.Cause, test.fault)):
			t.Errorf("%s: %v, want %q", test.term, err, test.fault)
		}
	}
}

func TestSPFFaults(t *testing.T) {
	for text, want := range map[string]string{
		"v=spf1 redirect=a.nl redirect=a.nl":     `"redirect=a.nl" appears twice`,
		"v=spf1 exp=a.nl a exp=b.nl -all":        `"exp=b.nl" appears twice`,
		"v=spf1 ip4: 1.2.3.4 -all":               `"ip4:" has no address; there must be no space after the colon`,
		"v=spf1 include: x.nl -all":              `"include:" names no domain; there must be no space after the colon`,
		"v=spf1 a nonsense -all ip4:300.1.1.1":   `"nonsense" is not a mechanism of SPF`,
		"v=spf10 a":                              `"v=spf10" is not v=spf1, with which an SPF record begins`,
		"":                                       `"" is not v=spf1, with which an SPF record begins`,
		"v=spf1 foo=1 foo=2 -all redirect=a.nl ": "",
	} {
		_, err := record.ParseSPF(text)
		if fmt.Sprint(err) != want && !(err == nil && want == "") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestLooksLikeSPF(t *testing.T) {
	for text, want := range map[string]string{
		`"v=spf1 mx -all"`:       "quotation marks were pasted in and are part of the record",
		`v=spf1" "mx -all`:       "quotation marks were pasted in and are part of the record",
		" v=spf1 mx -all":        "there is white space before v=spf1",
		"v=spf1;mx -all":         "there is a semicolon after v=spf1, where a space belongs",
		"v=spf1mx -all":          "there is no space after v=spf1",
		"V=SPF1\tmx":             "there is no space after v=spf1",
		"v=spf1\u00a0mx":         "there is a no-break space after v=spf1, where a plain one belongs",
		"v = spf1 mx -all":       "there is a space inside v=spf1",
		"spf1 mx -all":           "it begins with spf1 and not with v=spf1",
		"v=spf mx -all":          `it begins with "v=spf" and not with v=spf1`,
		"SPF v=spf1 mx -all":     `there is "SPF " before v=spf1`,
		"İ v=spf1 mx":            `there is "İ " before v=spf1`,
		"v=spf1 mx":              "", // it is one
		"v=spf1":                 "",
		"spf2.0/pra mx":          "",
		"":                       "",
		"google-site-verify=spf": "",
		"v=DMARC1; p=none":       "",
	} {
		fault, ok := record.LooksLikeSPF(text)
		if fault != want || ok != (want != "") {
			t.Errorf("%q: %q, %v; want %q", text, fault, ok, want)
		}
	}
}

// FuzzParseSPF holds that what parses prints back the same, and nothing panics.
func FuzzParseSPF(f *testing.F) {
	for _, seed := range []string{
		"v=spf1 include:_spf.x.nl ~a/24 mx:%{d}/24//64 ?ip6:2001:db8::/32 -all redirect=x.nl x-y=%{d}", "v=spf1", "V=SPF1 + a:/ %{ ip4:", " v=spf1", "İv=spf1", "v=spf1 \xff=", "v=spf",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fault, looks := record.LooksLikeSPF(text)
		if looks != (fault != "") || looks && record.IsSPF(text) {
			t.Errorf("%q looks like SPF: %q", text, fault)
		}
		s, err := record.ParseSPF(text)
		if err != nil {
			if err.Error() == "" {
				t.Errorf("%q: an error without words", text)
			}
			return
		}
		again, err := record.ParseSPF(s.String())
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%q became %q: %v", text, s, err)
		}
		if !strings.EqualFold(strings.Join(strings.Fields(text), " "), s.String()) {
			t.Errorf("%q printed as %q", text, s)
		}
	})
}
