package test

import (
	"strings"
	"testing"
)

// TestApplicationServerNotTrusted: mail of an application server that Postfix knows (mynetworks) and
// onbehalf does not leaves as it came. Log and status say whose, and what to do; done, it is signed.
func TestApplicationServerNotTrusted(t *testing.T) {
	w := &watched{premises: openPremises(t, watchedTenants)}
	w.configure("srs: {", "trust: {networks: [192.0.2.1/32]}\nsrs: {")
	w.reload()
	for range 3 {
		if got := w.deliver(); got.from() != own || len(got.signatures) > 0 {
			t.Errorf("it left with %d signatures, From %s", len(got.signatures), got.from())
		}
	}
	const line = `msg="messages of clients that are not trusted leave as they came, though their author is a tenant's or the platform's" messages=1 tenant=yourorg client=127.0.0.1 from=academy@yourorganisationname.nl remedy=`
	w.logs(line, "add it to trust.networks and reload")
	if n := strings.Count(w.logged(), line); n != 1 {
		t.Errorf("the log says %d times %s", n, line)
	}
	out, _, _ := w.run("status")
	for _, want := range []string{"NOT TRUSTED 3 messages from clients that are not trusted left as they came, the last ", "from 127.0.0.1, From academy@yourorganisationname.nl of tenant yourorg.", "trust.networks", "onbehalf setup --config " + w.config + " --trust"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("status does not say %q:\n%s", want, out)
		}
	}
	out, _, _ = w.run("doctor", "--user", "root")
	if want := "mail from clients that are not trusted leaves as it came: 3 messages, the last at "; !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
		t.Errorf("doctor does not say %q:\n%s", want, out)
	}
	w.configure("trust: {networks: [192.0.2.1/32]}", "trust: {networks: [127.0.0.0/8]}")
	w.reload()
	w.arrives(row6)
}
