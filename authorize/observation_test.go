package authorize_test

import (
	"encoding/json"
	"testing"

	"onbehalf/authorize"
	"onbehalf/tenant"
)

// FuzzObservation: whatever stands in a file that somebody has mailed, it is refused or judged, and
// what is judged is written as it was read.
func FuzzObservation(f *testing.F) {
	target := authorize.Target{Domain: domain(f, "customer.nl"), SPF: true, ReturnPath: domain(f, "bounce.customer.nl"), Thorough: true,
		Keys: []authorize.WantedKey{{Identity: tenant.Identity{SDID: domain(f, "customer.nl"), Selector: "s1", Algorithm: tenant.RSA}, Public: pairs()["rsa"].Public()}}}
	p := &tenant.Platform{Bounce: domain(f, "bounces.courseware.nl"), SendingIPs: ourAddresses}
	for _, c := range lookCases(f, "all") {
		zone := new(server)
		zone.publish()
		zone.read(f, c.zone)
		o, err := authorize.Observe(f.Context(), slowAsker{server: zone}, p, []authorize.Target{target})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(asJSON(f, o))
	}
	f.Add(`{"answers":[{"name":"customer.nl","type":"TXT","aliases":["","x"],"records":[{"text":["v=spf1 mx:\\255 -all"]},{}]}]}`)
	f.Add(`{"answers":[{"name":"customer.nl","type":"TXT","error":"\u001b[2J","kind":"too-large"},{"name":"","type":"MX","records":[{"data":"0 ."}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var o authorize.Observation
		if json.Unmarshal([]byte(text), &o) != nil {
			return
		}
		checkWords(t, authorize.Judge(o, p, target))
		var back authorize.Observation
		written := asJSON(t, o)
		fromJSON(t, written, &back)
		if again := asJSON(t, back); again != written {
			t.Errorf("%s\nwas read back as\n%s", written, again)
		}
	})
}
