package test

import (
	"encoding/json"
	"strings"
	"testing"

	"onbehalf/tenant"
	"onbehalf/test/nameserver"
)

const toldTenants = `  - id: yourorg
    name: Your Organisation
    domains: [yourorganisationname.nl, "*.yourorganisationname.nl"]
    dkim: [{selector: cw1, key: key.pem}]
    return_path: bounce.yourorganisationname.nl
`

// TestDoAsTold publishes what onbehalf dns says, and nothing else: then onbehalf check is
// content, and mail leaves as the tenant's own.
func TestDoAsTold(t *testing.T) {
	w := &watched{premises: openPremises(t, toldTenants)}
	w.house.nameserver.Publish(t, mailHost)
	if output, talk, status := w.run("check"); status != 1 || talk != "" || !strings.Contains(output, "MISSING") {
		t.Fatalf("before anything is published, check ends with %d:\n%s%s", status, output, talk)
	}
	w.see("spf", tenant.Unknown, tenant.Pending)
	if from, _ := w.deliver().header.Get("From"); from.Text() != onBehalf {
		t.Errorf("before anything is published, mail leaves from %s", from.Text())
	}

	w.house.nameserver.Publish(t, append(w.told("dns", "--zone", "--mail-host", "mail.courseware.nl"),
		mailHost)...)
	customers := append(w.told("dns", "--zone", "--mail-host", "mail.courseware.nl"), w.told("dns", "yourorg", "--zone")...)
	w.house.nameserver.Publish(t, append(customers, mailHost)...)

	output, talk, status := w.run("check")
	if status != 0 || talk != "" || strings.Contains(output, "MISSING") || strings.Contains(output, "advice") {
		t.Errorf("after all is published, check ends with %d:\n%s%s", status, output, talk)
	}
	if !strings.Contains(output, "row 1 key-path, keep: DKIM key and return path are live") {
		t.Errorf("check does not say row 1 key-path:\n%s", output)
	}
	w.finds("return_path")
	w.finds(`"dkim cw1"`)
	w.arrives(expectation{"1 key-path", "=yourorganisationname.nl=academy@bounce.yourorganisationname.nl", own, customer})
}

// told gives the records that the command prints as a zone file.
func (w *watched) told(args ...string) []string {
	w.t.Helper()
	output, talk, status := w.run(args...)
	if status != 0 {
		w.t.Fatalf("onbehalf %s: %d\n%s", strings.Join(args, " "), status, talk)
	}
	return []string{output}
}

// TestCheckMissesKeys: a key that the daemon had to leave out is wanted all the same.
func TestCheckMissesKeys(t *testing.T) {
	w := &watched{premises: openPremises(t, watchedTenants+`  - id: nokey
    domains: [nokey.example]
    dkim: [{selector: cw1, key: gone.pem}, {selector: cw2, key: key.pem}]
`)}
	w.publish(nameserver.TXT("nokey.example", "v=spf1 ip4:80.84.235.70 -all"), nameserver.TXT("cw2._domainkey.nokey.example", w.record),
		nameserver.TXT("_dmarc.nokey.example", "v=DMARC1; p=reject"))
	output, _, status := w.run("check", "nokey")
	folded := strings.Join(strings.Fields(output), " ")
	if status != 1 || !strings.Contains(folded, "DKIM cw2 ok: ") ||
		!strings.Contains(folded, "DKIM cw1 MISSING: its key cannot be read: "+w.folder+"/gone.pem: does not exist do run: onbehalf check-config") {
		t.Errorf("check ends with %d:\n%s", status, output)
	}
	if output, _, status := w.run("check", "yourorg"); strings.Contains(output, "cannot be read") || status != 1 {
		t.Errorf("somebody else's key: %d\n%s", status, output)
	}
}

// TestCheckFinds looks at a tenant whose DNS is wrong in several ways.
func TestCheckFinds(t *testing.T) {
	w := &watched{premises: openPremises(t, toldTenants)}
	w.publish(
		nameserver.TXT(customer, "v=spf1 ip4:80.84.235.70 -all"), nameserver.TXT(customer, "v=spf1 mx -all"),
		nameserver.TXT("cw1._domainkey."+customer+"."+customer, w.record),
		"bounce.yourorganisationname.nl MX 10 mx.elsewhere.example", "mx.elsewhere.example A 192.0.2.9",
		nameserver.TXT("_dmarc."+customer, "v=DMARC1; p=reject"),
	)
	output, talk, status := w.run("check", "yourorg", "--json")
	if status != 1 {
		t.Errorf("exit status %d\n%s", status, talk)
	}
	var results []struct {
		Fine    bool
		Domains []struct {
			Domain     string
			Mechanisms []struct{ Mechanism, Verdict, Reason, Text, Remedy string }
			Today      struct {
				Row           string
				With, Without struct{ DMARC, Explanation string }
			}
		}
	}
	if err := json.Unmarshal([]byte(output), &results); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	want := map[string]string{"spf": "spf-several", "dkim cw1": "dkim-wrong-zone", "return_path": "path-elsewhere", "dmarc": "dmarc-found"}
	domain := results[0].Domains[0]
	for _, m := range domain.Mechanisms {
		if want[m.Mechanism] != m.Reason || (m.Verdict == "there") != (m.Remedy == "") {
			t.Errorf("%s is %s (%s): %s; %s", m.Mechanism, m.Reason, m.Verdict, m.Text, m.Remedy)
		}
		delete(want, m.Mechanism)
	}
	if len(want) > 0 || results[0].Fine {
		t.Errorf("nothing is said of %v:\n%s", want, output)
	}
	if today := domain.Today; today.Row != "6 on-behalf" || today.With.DMARC != "none" || today.Without.DMARC != "fail" || !strings.Contains(today.Without.Explanation, "refused") {
		t.Errorf("a message today: %+v", domain.Today)
	}
	w.publish(customer + ` TXT "v=spf1 include:x\194\155evil\226\128\174 -all"`)
	for _, args := range [][]string{{"check", "yourorg", "--json"}, {"dns", "yourorg", "--json"}, {"check", "yourorg"}, {"dns", "yourorg"}} {
		if output, _, _ := w.run(args...); strings.ContainsAny(output, "\u009b\u202e") || !strings.Contains(output, "evil") || strings.Contains(output, "SRS0") {
			t.Errorf("onbehalf %s prints %q", strings.Join(args, " "), output)
		}
	}
	for _, args := range [][]string{{"check", ""}, {"status", ""}} {
		if output, talk, status := w.run(args...); status != 1 || output != "" || !strings.Contains(talk, `""`) {
			t.Errorf("onbehalf %q: %d, %s%s", args, status, output, talk)
		}
	}
	if _, talk, status := w.run("check", "nobody"); status != 1 || !strings.Contains(talk, "there are: yourorg") {
		t.Errorf("an unknown tenant: %d, %s", status, talk)
	}
}
