package setup

import (
	"flag"
	"os"
	"strings"
	"testing"

	"onbehalf/term"
)

var update = flag.Bool("update", false, "write the next steps into README.md and the package")

// TestNextSteps: README.md and the package have the steps of this package, word for word.
func TestNextSteps(t *testing.T) {
	for _, place := range []struct{ file, before, after, indent string }{
		{"../../../README.md", "Then, as the package says too:\n\n```\n", "```\n", ""},
		{"../../../packaging/scripts/postinst", "Next, as root:\n\n", "\n\tEND\n", "\t"},
	} {
		text, err := os.ReadFile(place.file)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, found := strings.Cut(string(text), place.before)
		there, tail, closed := strings.Cut(rest, place.after)
		if !found || !closed {
			t.Errorf("%s has no place for the next steps", place.file)
			continue
		}
		var want strings.Builder
		for line := range strings.Lines(NextSteps()) {
			want.WriteString(place.indent + line)
		}
		if there == want.String() {
			continue
		}
		if !*update {
			t.Errorf("%s has other steps; run: go test ./cmd/onbehalf/setup -update\n%s\nwant\n%s", place.file, there, want.String())
			continue
		}
		if err := os.WriteFile(place.file, []byte(head+place.before+want.String()+place.after+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStepsLeft: what is done is not asked for again.
func TestStepsLeft(t *testing.T) {
	paths := Paths{Config: "/srv/ob.yaml", Tenants: "/srv/t.d"}
	for _, c := range []struct {
		outcome   Outcome
		shadow    bool
		has, lack string
	}{
		{Open, true, "systemctl restart onbehalf onbehalf dns setup --apply /srv/t.d mode: enforce /srv/ob.yaml", "/etc/onbehalf asks"},
		{Waiting, true, "onbehalf;_then_postfix_reload", "setup"},
		{Set, false, "if_it_does_not_run selftest", "setup mode:"},
	} {
		var b strings.Builder
		show(term.New(&b), left(c.outcome, c.shadow, paths))
		for _, want := range strings.Fields(c.has) {
			if !strings.Contains(b.String(), strings.ReplaceAll(want, "_", " ")) {
				t.Errorf("%v: %q is missing in\n%s", c.outcome, want, &b)
			}
		}
		for _, not := range strings.Fields(c.lack) {
			if strings.Contains(b.String(), not) {
				t.Errorf("%v: %q is in\n%s", c.outcome, not, &b)
			}
		}
	}
}
