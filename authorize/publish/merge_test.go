package publish

import (
	"strings"
	"testing"

	"onbehalf/authorize/record"
)

// FuzzMerge holds that whatever is present, the merged record is one that receivers can
// read, names us first, and is its own merger.
func FuzzMerge(f *testing.F) {
	for _, seed := range []string{
		"mx -all\ninclude:_spf.y.nl ?all", "redirect=a.nl\nredirect=b.nl", "ip4: 1.2.3.4 mx; –all nonsense", "v=spf1 a -all v=spf1 mx", "exp=a.nl exp=b.nl\nexp=c.nl",
		"include:_spf.courseware.nl. ~all", "1.2.3.4 \"a\" ip4:1.2.3.4/32", "all=x all redirect=a.nl", "\n", "redirect:x all: a/", "redirect=a.nl all x=%{c}\nmx", "A,v=spf1", "mx;v=spf1;a,-all|v=spf1",
	} {
		f.Add(seed)
	}
	ours := []record.Term{term("include:_spf.courseware.nl"), term("ip4:192.0.2.7")}
	f.Fuzz(func(t *testing.T, lines string) {
		var present []string
		for line := range strings.SplitSeq(lines, "\n") {
			present = append(present, version+" "+line)
		}
		merged, _, _ := merge(present, ours)
		read, err := record.ParseSPF(merged.String())
		switch {
		case err != nil:
			t.Fatalf("%q became %q: %v", present, merged, err)
		case !strings.HasPrefix(merged.String(), "v=spf1 include:_spf.courseware.nl ip4:192.0.2.7"):
			t.Errorf("%q became %q", present, merged)
		case !stands(merged.String(), ours):
			t.Errorf("%q became %q, which does not name us", present, merged)
		}
		if again, remarks, _ := merge([]string{read.String()}, ours); again.String() != merged.String() || len(remarks) > 0 {
			t.Errorf("%q became %q, and that %q %q", present, merged, again, remarks)
		}
	})
}

// FuzzRecovered holds that what is recovered is an SPF record.
func FuzzRecovered(f *testing.F) {
	f.Add("\"v=spf1 mx -all\"")
	f.Add("spf1\u00a0mx")
	f.Fuzz(func(t *testing.T, text string) {
		if got, ok := recovered(text); ok {
			if _, remarks, _ := merge([]string{got}, nil); !record.IsSPF(got) {
				t.Errorf("%q gave %q %q", text, got, remarks)
			}
		}
	})
}
