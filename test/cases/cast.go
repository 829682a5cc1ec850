package cases

import (
	"cmp"
	"crypto"
	_ "embed"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"onbehalf/config"
	"onbehalf/dmarc"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

//go:embed cast.yaml
var castYAML string

// Cast is the platform and its tenants, with keys.
type Cast struct {
	Keys   *keys.Ring
	config string // path
}

// NewCast writes the cast's configuration to a folder of the test's own.
func NewCast(t testing.TB) *Cast {
	t.Helper()
	folder := t.TempDir()
	secrets, path := filepath.Join(folder, "srs.secrets"), filepath.Join(folder, "onbehalf.yaml")
	write(t, secrets, "a secret for the cases only\n")
	write(t, path, strings.ReplaceAll(castYAML, "SECRETS", secrets))
	cast := &Cast{Keys: new(keys.Ring), config: path}
	for id, key := range cast.pairs(t) {
		if err := cast.Keys.Add(id, key); err != nil {
			t.Fatal(err)
		}
	}
	return cast
}

// fromDomains are those that cases have in platform.from. The platform signs as them, too.
var fromDomains = []string{"courseware.nl", "via.courseware.nl", "reply.courseware.nl"}

// pairs returns the key of each identity that cases sign with.
func (c *Cast) pairs(t testing.TB) map[tenant.Identity]keys.Key {
	t.Helper()
	all := make(map[tenant.Identity]keys.Key)
	for _, from := range fromDomains {
		for _, file := range c.load(t, []string{"ONBEHALF_PLATFORM_FROM=noreply@" + from}).Keys {
			for _, id := range file.Identities {
				all[id] = pairs()[filepath.Base(file.Path)]
			}
		}
	}
	return all
}

// pairs makes the keys that everyone in the cast shares, once: RSA takes its time.
var pairs = sync.OnceValue(func() map[string]keys.Key {
	rsa, err := keys.Generate(tenant.RSA, 2048)
	if err != nil {
		panic(err)
	}
	ed25519, err := keys.Generate(tenant.Ed25519, 0)
	if err != nil {
		panic(err)
	}
	return map[string]keys.Key{"rsa.pem": rsa, "ed25519.pem": ed25519}
})

// BrokenKeys returns keys under the names of the cast's that cannot sign, like those of a security
// module that does not answer.
func BrokenKeys(t testing.TB) *keys.Ring {
	t.Helper()
	ring := new(keys.Ring)
	cast := NewCast(t)
	for _, file := range cast.load(t, nil).Keys {
		for _, id := range file.Identities {
			key, err := keys.NewKey(unreachable{pairs()[filepath.Base(file.Path)].Public()})
			if err == nil {
				err = ring.Add(id, key)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return ring
}

// unreachable is a signer that does not answer.
type unreachable struct{ public crypto.PublicKey }

func (u unreachable) Public() crypto.PublicKey { return u.public }

func (unreachable) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the security module does not answer")
}

func (c *Cast) load(t testing.TB, environment []string) *config.Config {
	t.Helper()
	conf, findings := config.Load(c.config, environment)
	if findings.Fatal() {
		t.Fatalf("cast: %v", findings)
	}
	return conf
}

// Table returns the cast's table, with ONBEHALF_ variables over the configuration.
func (c *Cast) Table(t testing.TB, environment ...string) *tenant.Table {
	t.Helper()
	return c.table(t, c.identified(t, environment))
}

func (c *Cast) identified(t testing.TB, environment []string) *config.Config {
	t.Helper()
	conf := c.load(t, environment)
	conf.Identify(c.Keys.Held)
	return conf
}

func (c *Cast) table(t testing.TB, conf *config.Config) *tenant.Table {
	t.Helper()
	table, err := tenant.NewTable(conf.Platform, conf.Tenants)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TableWith is Table after a change to the tenants.
func (c *Cast) TableWith(t testing.TB, change func(id string, one *tenant.Tenant), environment ...string) *tenant.Table {
	t.Helper()
	table := c.Table(t, environment...)
	for _, one := range table.Tenants() { // nobody else has them
		change(one.ID, one)
	}
	table, err := tenant.NewTable(table.Platform(), table.Tenants())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// AtLoopback binds the chess club to loopback, and makes it a tenant whose mail is only
// watched; who may send as the platform is named.
func (c *Cast) AtLoopback(t testing.TB) *tenant.Table {
	t.Helper()
	return c.TableWith(t, func(id string, one *tenant.Tenant) {
		if id == "club" {
			one.Submitters.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			one.Policy.Mode = tenant.Shadow
		}
	}, "ONBEHALF_PLATFORM_SUBMITTERS_LOGINS=root")
}

// Records returns the TXT record of each key in the cast, by name.
func (c *Cast) Records(t testing.TB) map[string]string {
	t.Helper()
	records := make(map[string]string)
	for id, key := range c.pairs(t) {
		record, err := keys.Record(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		records[id.String()] = record
	}
	return records
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Standings reads what DNS has shown, as the section of a case has it.
func Standings(t testing.TB, text string) []tenant.Standing {
	t.Helper()
	var all []tenant.Standing
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		domain, err := message.ParseDomain(words[0])
		if err != nil {
			t.Fatal(err)
		}
		s := tenant.Standing{Domain: domain}
		for _, word := range words[1:] {
			setMechanism(t, &s, word)
		}
		all = append(all, s)
	}
	return all
}

func setMechanism(t testing.TB, s *tenant.Standing, word string) {
	active := tenant.Mechanism{State: tenant.Active, Since: Now, Checked: Now}
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "spf":
		s.SPF = active
	case "path":
		s.ReturnPath = active
		s.ReturnPath.Of = cmp.Or(value, "bounce."+s.Domain.String())
	case "dkim":
		for selector := range strings.SplitSeq(value, ",") {
			s.DKIM = append(s.DKIM, tenant.KeyStanding{Name: selector, Mechanism: active})
		}
	case "dmarc":
		s.DMARC.Policy = dmarc.Policy(value)
	case "org":
		org, err := message.ParseDomain(value)
		if err != nil {
			t.Fatal(err)
		}
		s.DMARC.Organizational = org
	case "warning": // what stands before it was gone at the last lookup
		for _, m := range mechanisms(s) {
			m.State = tenant.Warning
		}
	case "adkim":
		s.DMARC.StrictDKIM = true
	case "aspf":
		s.DMARC.StrictSPF = true
	default:
		t.Fatalf("standings have the unknown word %q", word)
	}
}

// mechanisms returns those that DNS has shown.
func mechanisms(s *tenant.Standing) []*tenant.Mechanism {
	all := []*tenant.Mechanism{&s.SPF, &s.ReturnPath}
	for i := range s.DKIM {
		all = append(all, &s.DKIM[i].Mechanism)
	}
	return slices.DeleteFunc(all, func(m *tenant.Mechanism) bool { return m.State != tenant.Active })
}
