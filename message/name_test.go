package message_test

import (
	"encoding/json"
	"strings"
	"testing"

	"onbehalf/message"
)

func TestParseName(t *testing.T) {
	label := strings.Repeat("a", 62)
	long := strings.Repeat("a", 61) + "." + strings.Repeat(label+".", 2) // 188 octets
	for in, want := range map[string]string{
		"_spf.courseware.nl":      "_spf.courseware.nl",
		"spf.courseware.nl":       "spf.courseware.nl",
		"_SPF.Courseware.NL":      "_spf.courseware.nl",
		"a._b.c":                  "a._b.c",
		"_spf.münchen.example":    "_spf.xn--mnchen-3ya.example",
		"_a._b.x.nl":              "_a._b.x.nl",
		"_" + label + ".nl":       "_" + label + ".nl",
		long + "_" + label + ".a": long + "_" + label + ".a",

		"":                                     "",
		"_":                                    "",
		"_.nl":                                 "",
		"__spf.nl":                             "",
		"s_pf.nl":                              "",
		"spf_.nl":                              "",
		"_-spf.nl":                             "",
		"_münchen.nl":                          "",
		"_xn--mnchen-3ya.nl":                   "",
		"_spf.x.nl.":                           "",
		"_spf..nl":                             "",
		"_spf.x nl":                            "",
		"_spf。nl":                              "",
		"_spf.mu\u0308nchen.example":           "",
		"_spf." + strings.Repeat("a", 64):      "",
		"_" + label + "a.nl":                   "",
		"_spf.\xff.nl":                         "",
		strings.Repeat("_"+label+".", 4) + "a": "",
	} {
		n, err := message.ParseName(in)
		if (err == nil) != (want != "") || n.String() != want || n.IsZero() != (want == "") {
			t.Errorf("ParseName(%q) = %q, %v; want %q", in, n, err, want)
		}
		if again, err := message.ParseName(n.Unicode()); want != "" && (err != nil || again != n) {
			t.Errorf("%q reads back as %q, %v", n.Unicode(), again, err)
		}
	}
}

func TestName(t *testing.T) {
	n, _ := message.ParseName("_spf.münchen.example")
	if n.Unicode() != "_spf.münchen.example" {
		t.Error(n.Unicode())
	}
	text, err := json.Marshal(n)
	if err != nil || string(text) != `"_spf.xn--mnchen-3ya.example"` {
		t.Errorf("%s, %v", text, err)
	}
	if !n.Within(domain(t, "münchen.example")) || n.Within(domain(t, "nchen.example")) || n.Within(message.Domain{}) {
		t.Error("it lies elsewhere")
	}
	if plain, _ := message.ParseName("x.nl"); !plain.Within(domain(t, "x.nl")) {
		t.Error("a name does not lie within itself")
	}
}
