package test

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"onbehalf/authorize/publish"
	"onbehalf/authorize/resolve"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
	"onbehalf/test/nameserver"
	"onbehalf/test/peer"
)

// emptyDNS has no records at all.
type emptyDNS struct{}

func (emptyDNS) Ask(_ context.Context, name string, _ uint16) (resolve.Answer, error) {
	return resolve.Answer{Chain: []string{name}, NoName: true}, nil
}

// TestPublish publishes what onbehalf dns --zone tells, with NSD, and looks at it as
// the daemon does: nothing is left to do, and every mechanism is there.
func TestPublish(t *testing.T) {
	advisor, tenants := publishers(t)
	zone := zoneOf(t, advisor, tenants)
	checkZone(t, zone)
	server := nameserver.Start(t, zone)
	client, err := resolve.New(resolve.Options{Servers: []string{server.Addr}, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for _, sheet := range sheets(t, advisor, client, tenants) {
		for _, r := range sheet.Records {
			if r.State() != "done" {
				t.Errorf("%s: %s %s %s is %s; present: %q %s %q", sheet.Title, r.Name, r.Type, r.Value, r.State(), r.Present, r.PresentError, r.Remarks)
			}
		}
		if len(sheet.Notes) > 0 {
			t.Errorf("%s: %q", sheet.Title, sheet.Notes)
		}
	}
	for _, tenant := range tenants {
		readBack(t, client, advisor.Keys, tenant.Identities)
	}
	readBack(t, client, advisor.Keys, advisor.Platform.Identities)
}

// readBack holds the keys in DNS against those in the ring.
func readBack(t *testing.T, client *resolve.Client, ring *keys.Ring, ids []tenant.Identity) {
	t.Helper()
	for _, id := range ids {
		key, _ := ring.Key(id)
		want, err := keys.Record(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Ask(t.Context(), id.String(), dns.TypeTXT)
		if err != nil || len(answer.Texts()) != 1 || answer.Texts()[0] != want {
			t.Errorf("%s: %q, %v", id, answer.Texts(), err)
		}
	}
}

// publishers gives a platform and tenants with keys of every kind.
func publishers(t *testing.T) (publish.Advisor, []*tenant.Tenant) {
	t.Helper()
	ring := new(keys.Ring)
	parse := func(s string) message.Domain {
		d, err := message.ParseDomain(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	identities := func(sdid string) []tenant.Identity {
		var ids []tenant.Identity
		for selector, key := range publishedKeys(t) {
			id := tenant.Identity{SDID: parse(sdid), Selector: selector, Algorithm: key.Algorithm()}
			if err := ring.Add(id, key); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		return ids
	}
	p := &tenant.Platform{
		Name: "Courseware", Domain: parse("courseware.nl"), FromDomain: parse("reply.courseware.nl"), Bounce: parse("bounces.courseware.nl"),
		Domains:    []tenant.Pattern{{Domain: parse("courseware.nl")}},
		SendingIPs: []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")},
		Identities: append(identities("courseware.nl"), identities("reply.courseware.nl")...),
	}
	var err error
	if p.From, err = tenant.ParseTemplate("{reply}", "reply"); err != nil {
		t.Fatal(err)
	}
	if p.SPFInclude, err = message.ParseName("_spf.courseware.nl"); err != nil {
		t.Fatal(err)
	}
	tenants := []*tenant.Tenant{
		{ID: "yourorg", Name: "Your Organisation", Domains: []tenant.Pattern{{Domain: parse("yourorg.example")}, {Domain: parse("yourorg.example"), Wildcard: true}}, Identities: identities("yourorg.example"), ReturnPath: parse("bounce.yourorg.example")},
		{ID: "muenchen", Name: "Stadt München", Domains: []tenant.Pattern{{Domain: parse("post.münchen.de")}}, Identities: identities("post.münchen.de"), ReturnPath: parse("post.münchen.de")},
	}
	for _, one := range tenants {
		one.Authorization = tenant.Auto
	}
	return publish.Advisor{Platform: p, Keys: ring, MailHost: parse("mail.courseware.nl")}, tenants
}

func publishedKeys(t *testing.T) map[string]keys.Key {
	t.Helper()
	made := make(map[string]keys.Key)
	for selector, kind := range map[string]struct {
		algorithm tenant.Algorithm
		bits      int
	}{"rsa2": {tenant.RSA, 2048}, "rsa4": {tenant.RSA, 4096}, "ed": {tenant.Ed25519, 0}} {
		key, err := keys.Generate(kind.algorithm, kind.bits)
		if err != nil {
			t.Fatal(err)
		}
		made[selector] = key
	}
	return made
}

func sheets(t *testing.T, advisor publish.Advisor, dns resolve.Asker, tenants []*tenant.Tenant) []publish.Sheet {
	t.Helper()
	answers := resolve.NewRecorder(t.Context(), dns)
	all := []publish.Sheet{advisor.Own(answers, tenants)}
	for _, one := range tenants {
		all = append(all, advisor.Tenant(answers, one))
	}
	return all
}

// zoneOf is what "onbehalf dns --zone" prints for the platform, and for each tenant.
func zoneOf(t *testing.T, advisor publish.Advisor, tenants []*tenant.Tenant) string {
	t.Helper()
	var zone bytes.Buffer
	for _, sheet := range sheets(t, advisor, emptyDNS{}, tenants) {
		sheet.Zone(&zone)
	}
	for _, sheet := range sheets(t, advisor, emptyDNS{}, tenants) { // the other form must load, too
		var text bytes.Buffer
		sheet.AsText().Zone(&text)
		checkZone(t, text.String())
	}
	return zone.String()
}

// checkZone has NSD read a zone, which must say nothing against it.
func checkZone(t *testing.T, zone string) {
	t.Helper()
	const program = "/usr/sbin/nsd-checkzone"
	peer.Need(t, program)
	path := filepath.Join(t.TempDir(), "zone")
	const top = "$ORIGIN .\n. 60 IN SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 60\n. 60 IN NS ns.invalid.\n"
	if err := os.WriteFile(path, []byte(top+zone), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, ".", path).CombinedOutput()
	if said := strings.TrimSpace(string(out)); err != nil || said != "zone . is ok" {
		t.Fatalf("%v: %s\n%s", err, said, zone)
	}
}
