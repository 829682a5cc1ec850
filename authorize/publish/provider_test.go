package publish_test

import (
	"strings"
	"testing"

	"onbehalf/authorize/publish"
	"onbehalf/keys"
)

// TestProviderSteps: whose forms the letter speaks of, by the name servers of the zone.
func TestProviderSteps(t *testing.T) {
	for zone, want := range map[string]string{
		"":                                      "Microsoft 365, Amazon Route 53, Cloudflare, TransIP, Plesk",
		"x.nl silent":                           "Microsoft 365, Amazon Route 53, Cloudflare, TransIP, Plesk",
		"x.nl NS amy.ns.cloudflare.com":         "Cloudflare",
		"x.nl NS ns-12.awsdns-34.com":           "Amazon Route 53",
		"x.nl NS ns1.bdm.microsoftonline.com":   "Microsoft 365",
		"x.nl NS ns0.transip.net":               "TransIP",
		"x.nl NS NS1.Hoster.example":            "Plesk",
		"x.nl NS cloudflare.com.ns.x.nl":        "Plesk",
		"x.nl NS ns0.transip.nl\nx.nl NS ns1.y": "TransIP",
	} {
		advisor := publish.Advisor{Platform: platform(t, "", "192.0.2.7"), Keys: new(keys.Ring)}
		sheet := advisor.Tenant(parse(t, zone), customer(t, "x.nl"))
		var names []string
		for _, line := range sheet.Steps {
			name, _, _ := strings.Cut(line, ":")
			names = append(names, name)
		}
		if got := strings.Join(names, ", "); got != want {
			t.Errorf("%q: %s, want %s", zone, got, want)
		}
		var letter strings.Builder
		sheet.Letter(&letter)
		if !strings.Contains(letter.String(), "\n- "+names[0]+": ") {
			t.Errorf("%q:\n%s", zone, letter.String())
		}
	}
}
