package message_test

import (
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/test/cases"
)

func parsed(t *testing.T, name string) message.Domain {
	t.Helper()
	d, err := message.ParseDomain(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestMayName(t *testing.T) {
	d := parsed(t, "courseware.nl")
	for _, name := range append(cases.LookAlikes(), "courseware.nl", "COURSEWARE.NL") {
		if !d.MayName("CEO <ceo@" + name + ">") {
			t.Errorf("%q (%+q) is not found", name, name)
		}
	}
	for _, name := range []string{"courseware.n", "coursew\u0430re.nl", "course ware.nl", "xn--curseware.nl", ""} {
		if d.MayName(name) {
			t.Errorf("%q is taken for it", name)
		}
	}
	sharp := parsed(t, "straße.example")
	for _, name := range []string{"straße.example", "strasse.example", "STRASSE.EXAMPLE", "STRAẞE.example", sharp.String(), strings.ToUpper(sharp.String())} {
		if !sharp.MayName(name) {
			t.Errorf("%q is not found", name)
		}
	}
}

// TestForgedResults: Authentication-Results in our name are found in any spelling.
func TestForgedResults(t *testing.T) {
	for _, name := range append(cases.LookAlikes(), "courseware.nl", "courseware.nl.", "Courseware.NL") {
		if got := message.AuthenticatedBy(message.Field{Value: " " + name + "; dkim=pass header.d=bank.example"}); got != parsed(t, "courseware.nl") {
			t.Errorf("%+q is read as %q", name, got)
		}
	}
}
