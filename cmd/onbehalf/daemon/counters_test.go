package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onbehalf/dmarc"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/milter"
	"onbehalf/tenant"
)

// oneTenant is a configuration; %s is what a tenant has beside its domain.
const oneTenant = `listen: ["unix:DIR/milter.sock"]
admin: ""
socketmap: ""
state_dir: DIR
keys_dir: DIR
tenants_dir: DIR/tenants.d
platform:
  name: Courseware
  domain: courseware.nl
  from: noreply@courseware.nl
  bounce_domain: bounces.courseware.nl
  bounces_to: postmaster@courseware.nl
  sending_ips: [80.84.235.70]
  dkim: [{selector: cw1, key: key.pem}]
srs: {secrets: DIR/srs.secrets}
tenants:
  - {id: university, domains: [university.example], return_path: bounce.university.example, dkim: [{selector: cw1, key: key.pem}]MORE}
`

// configured loads such a configuration.
func configured(t *testing.T, more string) *Generation {
	t.Helper()
	dir := t.TempDir()
	key, err := keys.Generate(tenant.RSA, 2048)
	if err == nil {
		err = keys.Create(filepath.Join(dir, "key.pem"), key)
	}
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("DIR", dir, "MORE", more).Replace(oneTenant)
	for name, text := range map[string]string{"onbehalf.yaml": text, "srs.secrets": "a secret for this test only\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "tenants.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	g, findings := Load(filepath.Join(dir, "onbehalf.yaml"))
	if g == nil {
		t.Fatal(findings)
	}
	return g
}

func name(t *testing.T, text string) message.Domain {
	t.Helper()
	d, err := message.ParseDomain(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestWhatShouldBeAuthenticated: a notification speaks against DNS only where mail leaves as the
// tenant's own now, with an envelope sender at the domain that the notification came to. Else it is
// about a message that left in another way.
func TestWhatShouldBeAuthenticated(t *testing.T) {
	const platforms, tenants = "bounces.courseware.nl", "bounce.university.example"
	for _, test := range []struct {
		row            string
		spf, key, path tenant.State
		more           string
		at             map[string]bool // bounce domains
	}{
		{"1", tenant.Active, tenant.Active, tenant.Active, "", map[string]bool{platforms: false, tenants: true}},
		{"2", tenant.Active, tenant.Active, tenant.Pending, "", map[string]bool{platforms: true, tenants: false}},
		{"3", tenant.Pending, tenant.Active, tenant.Pending, "", map[string]bool{platforms: true, tenants: false}},
		{"4", tenant.Pending, tenant.Pending, tenant.Active, "", map[string]bool{platforms: false, tenants: true}},
		{"5", tenant.Active, tenant.Pending, tenant.Pending, "", map[string]bool{platforms: false, tenants: false}},
		{"6", tenant.Pending, tenant.Pending, tenant.Pending, "", map[string]bool{platforms: false, tenants: false}},
		{"3, in shadow mode", tenant.Pending, tenant.Active, tenant.Pending, ", mode: shadow", map[string]bool{platforms: false, tenants: false}},
		{"3, bound to a login", tenant.Pending, tenant.Active, tenant.Pending, ", submitters: {logins: [lms]}", map[string]bool{platforms: true, tenants: false}},
	} {
		g := configured(t, test.more)
		author := message.Address{Local: "exams", Domain: name(t, "university.example")}
		standing := g.table.Snapshot().Standing(author.Domain)
		standing.Domain = author.Domain
		mechanism := func(s tenant.State) tenant.Mechanism {
			return tenant.Mechanism{State: s, Since: time.Now(), Checked: time.Now()}
		}
		standing.SPF, standing.ReturnPath = mechanism(test.spf), mechanism(test.path)
		standing.ReturnPath.Of = tenants
		standing.DMARC = tenant.DMARC{Policy: dmarc.Absent, Checked: time.Now()}
		standing.DKIM = []tenant.KeyStanding{{Name: "cw1", Mechanism: mechanism(test.key)}}
		if err := g.table.SetStandings(standing); err != nil {
			t.Fatal(err)
		}
		d := new(daemon)
		d.current.Store(g)
		for at, want := range test.at {
			n := milter.Notification{Owner: milter.Owner{Tenant: "university"}, BounceAt: name(t, at), Mailbox: author, At: time.Now()}
			if got := d.authenticated(n); got != want {
				t.Errorf("row %s, at %s: %t", test.row, at, got)
			}
			n.Tenant = "other"
			if d.authenticated(n) {
				t.Errorf("row %s: the mailbox is not the tenant's", test.row)
			}
		}
	}
}
