package authorize_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"onbehalf/authorize"
	"onbehalf/test/peer"
)

// disagreements are the cases in which pyspf's result is another than ours, and who
// is right.
var disagreements = map[string]string{
	"spf-amplify-mailbox":     hostsAreNoTerms,
	"spf-amplify-mx":          hostsAreNoTerms,
	"spf-amplify-mx-macros":   hostsAreNoTerms,
	"spf-amplify-ptr":         hostsAreNoTerms,
	"spf-suite-mx-v4-only":    hostsAreNoTerms,
	"spf-large-hosts":         answerTooLarge,
	"spf-large-include":       answerTooLarge,
	"spf-large-many":          answerTooLarge,
	"spf-macro-validated":     "pyspf: our library gives %{p} no value; section 7.2 advises against it, and no pass comes of that",
	"spf-suite-ptr-servfail":  "we: an error in a PTR lookup is no match (section 5.5)",
	"spf-suite-redirect-case": "we: the names of modifiers have no case (section 4.6.1)",
}

const answerTooLarge = "we: more than 200 records or 16 KiB in an answer, or 1 MiB in all, are not read; section 4.6.4 has no bound there"

const hostsAreNoTerms = "we: what may be void twice are terms (section 4.6.4); pyspf counts each host that an mx or ptr term leads to"

// TestPeer compares our use of the SPF library with pyspf, over all cases and addresses.
// Our library does not read what stands behind the term that matches, as pyspf does: it is
// our finding that tells of a fault there.
func TestPeer(t *testing.T) {
	peer.Need(t, "/usr/bin/python3", "/usr/lib/python3/dist-packages/spf.py", "/usr/lib/python3/dist-packages/dns/query.py")
	type comparison struct {
		name         string
		result, ours string
	}
	var all []comparison
	var questions strings.Builder
	for _, c := range lookCases(t, "spf-") {
		if strings.Contains(c.zone, "; SILENT") {
			continue
		}
		report, server := c.look(t)
		for _, one := range report.SPFResults[:min(len(report.SPFResults), 2)] {
			fmt.Fprintf(&questions, "%s %s postmaster@%s helo.invalid\n", server.addr, one.IP, c.target.Domain)
			ours := string(one.Result)
			if report.SPF.Reason == authorize.SPFSyntax {
				ours = "permerror"
			}
			all = append(all, comparison{c.name, string(one.Result), ours})
		}
	}
	theirs := pyspf(t, questions.String())
	if len(theirs) != len(all) {
		t.Fatalf("%d results, want %d: %q", len(theirs), len(all), theirs)
	}
	differs := make(map[string]bool)
	for i, one := range all {
		if theirs[i] == one.result || theirs[i] == one.ours {
			continue
		}
		differs[one.name] = true
		if disagreements[one.name] == "" {
			t.Errorf("%s: ours %s, pyspf %s", one.name, one.ours, theirs[i])
		}
	}
	for name := range disagreements {
		if !differs[name] {
			t.Errorf("%s: no longer a disagreement", name)
		}
	}
}

// pyspf gives a result for each line.
func pyspf(t *testing.T, questions string) []string {
	t.Helper()
	command := exec.Command("/usr/bin/python3", "testdata/spf_peer.py")
	command.Stdin = strings.NewReader(questions)
	var trouble strings.Builder
	command.Stderr = &trouble
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, trouble.String())
	}
	return strings.Fields(string(out))
}
