package publish_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"onbehalf/authorize/publish"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// direct makes mail for these domains go to the next hop.
func direct(t testing.TB, c *tenant.Tenant, hop string, domains ...string) *tenant.Tenant {
	t.Helper()
	next, err := tenant.ParseNextHop(hop)
	if err != nil {
		t.Fatal(err)
	}
	c.Direct = tenant.Direct{NextHop: next, TLS: tenant.TLSMay, Envelope: tenant.EnvelopeBounce}
	for _, one := range domains {
		c.Direct.Domains = append(c.Direct.Domains, domain(t, one))
	}
	return c
}

func TestProductOf(t *testing.T) {
	for host, want := range map[string]publish.Product{
		"x-example.mail.protection.outlook.com":        publish.ExchangeOnline,
		"x-example.a-v1.mx.microsoft":                  publish.ExchangeOnline,
		"x-example.mail.protection.office365.us":       publish.ExchangeOnline,
		"x-example.mail.protection.partner.outlook.cn": publish.ExchangeOnline,
		"aspmx.l.google.com":                           publish.GoogleWorkspace,
		"alt4.aspmx.l.google.com":                      publish.GoogleWorkspace,
		"smtp.google.com":                              publish.GoogleWorkspace,
		"aspmx2.googlemail.com":                        publish.GoogleWorkspace,
		"mx.x.example":                                 publish.OtherProduct,
		"xmail.protection.outlook.com":                 publish.OtherProduct, // not below it
		"eu-smtp-inbound-1.mimecast.com":               publish.OtherProduct,
	} {
		if got := publish.ProductOf(domain(t, host)); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
	if got := publish.ProductOf(message.Domain{}); got != publish.OtherProduct {
		t.Errorf("an address: %s", got)
	}
}

// TestAllow: what the server must allow follows the tenant's configuration.
func TestAllow(t *testing.T) {
	r := new(keys.Ring)
	keyed := customer(t, "x.nl", "*.x.nl")
	keyed.Identities = ring(t, r, "x.nl", tenant.RSA)
	pathed := customer(t, "x.nl")
	pathed.ReturnPath = domain(t, "bounce.x.nl")
	byAuthor := direct(t, customer(t, "x.nl", "*.x.nl"), "[mx.x.nl]:25", "x.nl")
	byAuthor.Direct.Envelope = tenant.EnvelopeAuthor
	shadow := direct(t, customer(t, "y.nl"), "[192.0.2.9]:25", "y.nl")
	shadow.Policy.Mode = tenant.Shadow
	const nothing = "nothing can prove that"
	for _, test := range []struct {
		name    string
		tenant  *tenant.Tenant
		zone    string
		product publish.Product
		senders string
		proofs  string
		notes   []string
	}{
		{"a key", direct(t, keyed, "[mx.x.nl]:25", "x.nl", "dept.x.nl"), "", publish.OtherProduct,
			"bounces.courseware.nl", "s1._domainkey.x.nl", nil},
		{"a return path", direct(t, pathed, "x.nl:25", "x.nl"), "x.nl MX 5 alt1.aspmx.l.google.com", publish.GoogleWorkspace,
			"bounce.x.nl bounces.courseware.nl", "bounce.x.nl", nil},
		{"the author's address", byAuthor, "", publish.OtherProduct, "x.nl *.x.nl", "", []string{nothing}},
		{"shadow", shadow, "", publish.OtherProduct, "bounces.courseware.nl", "", []string{nothing, "mode is shadow"}},
	} {
		advisor := publish.Advisor{Platform: platform(t, "", "80.84.235.70"), Keys: r, Client: publish.Client{HELO: "mail.courseware.nl"}}
		got := advisor.Tenant(parse(t, test.zone), test.tenant).Allow
		if got == nil {
			t.Fatalf("%s: nothing is said", test.name)
		}
		if senders, proofs := strings.Join(got.Senders, " "), strings.Join(got.Proofs, " "); got.Product != test.product || senders != test.senders || proofs != test.proofs {
			t.Errorf("%s: %s, senders %s, proofs %s", test.name, got.Product, senders, proofs)
		}
		if !slices.Equal(got.Unproven, got.Domains) {
			t.Errorf("%s: unproven %v", test.name, got.Unproven)
		}
		compare(t, got.Notes, test.notes)
		authorized := *test.tenant
		authorized.Authorization = tenant.Authorized
		if got := advisor.Tenant(parse(t, test.zone), &authorized).Allow; len(got.Unproven) > 0 {
			t.Errorf("%s: unproven %v, though it is proven", test.name, got.Unproven)
		}
	}
	published := "s1._domainkey.x.nl TXT \"" + text(t, r, keyed.Identities[0]) + "\"\nbounce.x.nl CNAME bounces.courseware.nl\n" +
		"bounces.courseware.nl MX 10 mail.courseware.nl\nbounces.courseware.nl TXT \"v=spf1 ip4:80.84.235.70 -all\""
	for _, c := range []*tenant.Tenant{direct(t, keyed, "[mx.x.nl]:25", "x.nl"), direct(t, pathed, "x.nl:25", "x.nl")} {
		advisor := publish.Advisor{Platform: platform(t, "", "80.84.235.70"), Keys: r}
		if got := advisor.Tenant(parse(t, published), c).Allow; len(got.Unproven) > 0 {
			t.Errorf("%s: unproven %v, though DNS proves it", c.Name, got.Unproven)
		}
	}
	if s := (publish.Advisor{Platform: platform(t, "", "80.84.235.70"), Keys: r}).Tenant(parse(t, ""), customer(t, "x.nl")); s.Allow != nil {
		t.Error("without direct delivery there is nothing to allow")
	}
}

// TestAllowNotes: what is not known is left out, and the platform's administrator is told why.
func TestAllowNotes(t *testing.T) {
	ask := func(hop string, client publish.Client, ips ...string) []string {
		c := direct(t, customer(t, "x.nl"), hop, "x.nl")
		advisor := publish.Advisor{Platform: platform(t, "", ips...), Keys: new(keys.Ring), Client: client}
		c.Authorization = tenant.Authorized
		return advisor.Tenant(parse(t, ""), c).Allow.Notes
	}
	const other, exchange = "[mx.x.nl]:25", "[x-nl.mail.protection.outlook.com]:25"
	known := publish.Client{HELO: "mail.courseware.nl"}
	compare(t, ask(other, known, "80.84.235.70", "2a02:898::7"), nil)
	compare(t, ask(other, publish.Client{Unknown: "postconf is not on this host"}, "80.84.235.70"),
		[]string{"not known here (postconf is not on this host), and left out of the letter; on the mail host, as root, postconf -x smtp_helo_name"})
	compare(t, ask(other, publish.Client{}, "80.84.235.70"), []string{"Postfix was not asked"})
	compare(t, ask(other, publish.Client{HELO: "mail.courseware.nl", Unknown: "the certificate has expired"}, "80.84.235.70"),
		[]string{"the certificate has expired; it is left out of the letter"})
	compare(t, ask(exchange, known, "80.84.235.70"), nil)
	compare(t, ask(exchange, known, "80.84.235.70", "2a02:898::7"), []string{"takes public IPv4 addresses only"})
}

// TestOwnServer: the note about the tenant's own server is there only where mail to it has
// nothing but SPF.
func TestOwnServer(t *testing.T) {
	const spf = "x.nl TXT \"v=spf1 ip4:80.84.235.70 -all\"\n"
	const path = "bounce.x.nl CNAME bounces.courseware.nl\n"
	r := new(keys.Ring)
	ids := ring(t, r, "x.nl", tenant.Ed25519)
	live := "s1._domainkey.x.nl TXT \"" + text(t, r, ids[0]) + "\"\n"
	for _, test := range []struct {
		name, zone    string
		key, path     bool
		authorization tenant.Authorization
		want          bool
	}{
		{"SPF, no key", spf, false, false, tenant.Auto, true},
		{"SPF, the key is not there", spf, true, false, tenant.Auto, true},
		{"SPF and key", spf + live, true, false, tenant.Auto, false},
		{"SPF and return path", spf + path, false, true, tenant.Auto, false},
		{"nothing, and SPF alone is asked for", "", false, false, tenant.Auto, true},
		{"nothing, and all is asked for", "", true, true, tenant.Auto, false},
		{"authorized, no key", "", false, false, tenant.Authorized, true},
		{"authorized with a key", "", true, false, tenant.Authorized, false},
		{"unauthorized", spf, false, false, tenant.Unauthorized, false},
	} {
		c := customer(t, "x.nl", "*.x.nl")
		c.Authorization = test.authorization
		if test.key {
			c.Identities = ids
		}
		if test.path {
			c.ReturnPath = domain(t, "bounce.x.nl")
		}
		sheet := publish.Advisor{Platform: platform(t, "", "80.84.235.70"), Keys: r}.Tenant(parse(t, test.zone), c)
		want := ""
		if test.want {
			want = publish.OwnServer(domain(t, "x.nl"))
		}
		if sheet.OwnServer != want {
			t.Errorf("%s: %q", test.name, sheet.OwnServer)
		}
	}
}

// TestDirectLetter writes the letter for every combination: it is always whole, and only what
// is to be copied is wider than the page.
func TestDirectLetter(t *testing.T) {
	hops := []string{"[x-nl.mail.protection.outlook.com]:25", "[aspmx.l.google.com]:25", "[mx.x.nl]:25", "[192.0.2.9]:25"}
	clients := []publish.Client{{}, {HELO: "mail.courseware.nl"}, {HELO: "mail.courseware.nl", Certificate: []string{"mail.courseware.nl"}}}
	ips := [][]string{{"80.84.235.70"}, {"80.84.235.70", "2a02:898::7", "10.0.0.1"}, {"2a02:898::7"}, {"10.0.0.1"}}
	for _, hop := range hops {
		for _, client := range clients {
			for _, addresses := range ips {
				for _, envelope := range []tenant.DirectEnvelope{tenant.EnvelopeBounce, tenant.EnvelopeAuthor} {
					for _, level := range []tenant.TLS{tenant.TLSMay, tenant.TLSEncrypt, tenant.TLSVerify} {
						c := direct(t, customer(t, "x.nl", "münchen.nl"), hop, "x.nl", "münchen.nl")
						c.Direct.Envelope, c.Direct.TLS = envelope, level
						p := platform(t, "", addresses...)
						p.Name = "O'Courses \x1b[2J"
						checkLetter(t, publish.Advisor{Platform: p, Keys: new(keys.Ring), Client: client}.Tenant(parse(t, ""), c))
					}
				}
			}
		}
	}
}

// TestLetterWaitsForUs: where the tenant has published the alias and we have no key behind it
// yet, the letter does not ask the tenant for it again.
func TestLetterWaitsForUs(t *testing.T) {
	r := new(keys.Ring)
	c := direct(t, customer(t, "x.nl"), "[mx.x.nl]:25", "x.nl")
	c.Identities = ring(t, r, "x.nl", tenant.Ed25519)
	for zone, want := range map[string]string{
		"": "publish s1._domainkey.x.nl, as shown above",
		"s1._domainkey.x.nl CNAME s1.yourorg.dkim.courseware.nl": "has not begun. Until we tell you",
	} {
		var letter bytes.Buffer
		publish.Advisor{Platform: platform(t, "", "80.84.235.70"), Keys: r}.Tenant(parse(t, zone), c).Letter(&letter)
		if folded := strings.Join(strings.Fields(letter.String()), " "); !strings.Contains(folded, want) {
			t.Errorf("zone %q: the letter does not say %q:\n%s", zone, want, &letter)
		}
	}
}

func checkLetter(t *testing.T, s publish.Sheet) {
	t.Helper()
	var out bytes.Buffer
	s.Letter(&out)
	letter := out.String()
	folded := strings.Join(strings.Fields(letter), " ")
	for line := range strings.Lines(letter) {
		if line := strings.TrimSuffix(line, "\n"); len([]rune(line)) > 72 && !strings.HasPrefix(line, "   ") || strings.TrimRight(line, " ") != line {
			t.Errorf("line %q in\n%s", line, letter)
		}
	}
	wrong := []string{"{{", "<no value>", "could not be written", "\x1b", "\n\n\n", "OnPremises -", "add .", " ,", "for ,", "restricted to ,"}
	for _, bad := range wrong {
		if strings.Contains(letter, bad) {
			t.Errorf("%q is in\n%s", bad, letter)
		}
	}
	if s.Allow.Product == publish.ExchangeOnline {
		for _, ip := range s.Allow.Addresses {
			if strings.Contains(folded, "-SenderIPAddresses") && !ip.Is4() && strings.Contains(folded, ip.String()+" -RequireTls") {
				t.Errorf("a connector takes no IPv6 address:\n%s", letter)
			}
		}
		if strings.Contains(folded, "-TlsSenderCertificateName") != (len(s.Allow.Client.Certificate) > 0) {
			t.Errorf("certificate %q, and\n%s", s.Allow.Client.Certificate, letter)
		}
	}
	if strings.Contains(folded, "add 10.0.0.1") || strings.Contains(folded, "-SenderIPAddresses 10.0.0.1") {
		t.Errorf("a private address is to be entered:\n%s", letter)
	}
	if verify := s.Allow.TLS == tenant.TLSVerify; strings.Contains(folded, "public certificate authority") != verify {
		t.Errorf("TLS %s, and\n%s", s.Allow.TLS, letter)
	}
	if !strings.Contains(folded, "Direct delivery: what your mail server must allow") {
		t.Error(letter)
	}
}
