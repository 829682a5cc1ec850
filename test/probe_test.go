package test

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"onbehalf/test/peer"
	"onbehalf/test/postfix"
)

// authority makes certificates.
type authority struct {
	t      *testing.T
	folder string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, folder: t.TempDir()}
	a.key, a.cert = a.issue("Test Authority", nil, time.Now().AddDate(1, 0, 0))
	return a
}

func (a *authority) issue(name string, names []string, until time.Time) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: names,
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: until, IsCA: a.cert == nil, BasicConstraintsValid: true,
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, cert
}

// chain writes a file with a key and a certificate for a name.
func (a *authority) chain(name string, until time.Time) string {
	a.t.Helper()
	key, cert := a.issue(name, []string{name}, until)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write(name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), pemOf(cert))
}

// fingerprint returns what Postfix knows the certificate in a chain file by.
func (a *authority) fingerprint(file string) string {
	a.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		a.t.Fatal(err)
	}
	_, rest := pem.Decode(text) // the key
	block, _ := pem.Decode(rest)
	return strings.ReplaceAll(fmt.Sprintf("% X", sha256.Sum256(block.Bytes)), " ", ":")
}

func (a *authority) write(name string, parts ...[]byte) string {
	a.t.Helper()
	path := filepath.Join(a.folder, fmt.Sprintf("%s-%d.pem", name, time.Now().UnixNano()))
	if err := os.WriteFile(path, slices.Concat(parts...), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

func pemOf(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}

// probed is what check --probe --json says.
type probed struct {
	Accepted bool
	Envelope string
	Lookup   struct{ Kind, Text string }
	Caller   struct {
		Hello       string
		Certificate struct{ Names []string }
	}
	Hosts []struct {
		Steps   []struct{ Stage, Sender, Reply string }
		Session struct {
			Version   string
			AskedOurs bool `json:"asked_ours"`
		}
	}
	Findings []struct{ Level, Kind, Text, Fix string }
}

// served is a tenant whose own server is a real Postfix.
type served struct {
	id       string
	tls      string
	envelope string
	mx       bool
	server   string // which one; empty: none runs

	status int
	kinds  string // of warnings and errors, but for the local address
	says   string // somewhere in the output for people
}

var servedTenants = []served{
	{id: "good", server: "tls", tls: "verify", status: 0, says: "would take mail for good.example with a bounce address at bounces.courseware.nl"},
	{id: "lax", server: "tls", tls: "encrypt", status: 0, says: "mail waits: the certificate of mx.lax.example is for mx.good.example"},
	{id: "name", server: "tls", tls: "verify", status: 1, kinds: "certificate-name", says: "for mx.good.example"},
	{id: "late", server: "tls", tls: "may", envelope: "author", status: 1, kinds: "reject-direct-send", says: "type Partner"},
	{id: "sender", server: "tls", tls: "may", envelope: "author", status: 1, kinds: "sender-refused", says: "Sender address rejected: Access denied"},
	{id: "relay", server: "tls", tls: "may", status: 1, kinds: "relay-denied", says: "Please let your mail server mx.relay.example accept our mail"},
	{id: "connector", server: "tls", tls: "may", status: 1, kinds: "no-connector", says: "IP 80.84.235.70 or by the certificate name mail.courseware.nl"},
	{id: "grey", server: "tls", tls: "may", status: 1, kinds: "greylisting", says: "Run the probe again in ten minutes"},
	{id: "busy", server: "tls", tls: "may", status: 1, kinds: "throttled", says: "slows down a new or changed IP"},
	{id: "gateway", server: "tls", tls: "may", status: 1, kinds: "inbound-gateway", says: "Google Admin console"},
	{id: "nobody", server: "tls", tls: "may", status: 1, kinds: "no-postmaster", says: "has no postmaster@nobody.example"},
	{id: "hostile", server: "tls", tls: "may", status: 1, kinds: "reply-unknown", says: "[2Jgone?away"},
	{id: "mx", server: "tls", tls: "may", mx: true, status: 0, kinds: "connection-refused", says: "mx.mx.example"},
	{id: "author", server: "plain", tls: "may", envelope: "author", status: 0, kinds: "starttls-missing", says: "with an address of author.example as envelope sender"},
	{id: "plain", server: "plain", tls: "encrypt", status: 1, kinds: "starttls-missing", says: "mail waits in the queue"},
	{id: "needstls", server: "plain", tls: "may", status: 1, kinds: "starttls-missing tls-required", says: "Set direct.tls: encrypt"},
	{id: "directsend", server: "eager", tls: "may", envelope: "author", status: 1, kinds: "reject-direct-send", says: "Set direct.envelope: bounce"},
	{id: "bounce", server: "eager", tls: "may", status: 0, says: "which mail does not have"},
	{id: "old", server: "old", tls: "verify", status: 1, kinds: "certificate-expired", says: "has expired"},
	{id: "selfmade", server: "selfmade", tls: "verify", status: 1, kinds: "certificate-trust", says: "not an authority that is trusted here"},
	{id: "client", server: "client", tls: "may", status: 1, kinds: "not-our-ip", says: "Client host rejected: Access denied"},
	{id: "certified", server: "certified", tls: "encrypt", status: 0, says: "it asked for ours"},
	{id: "closed", tls: "may", status: 1, kinds: "connection-refused", says: "Check the port"},
	{id: "nullmx", mx: true, tls: "may", status: 1, kinds: "null-mx", says: "takes no mail"},
	{id: "gone", tls: "may", status: 1, kinds: "no-such-name", says: "DNS has no address for mx.gone.example"},
}

// servers returns what main.cf of each tenants' Postfix has beside what all have.
func servers(a, stranger *authority, own string) map[string]string {
	nextYear := time.Now().AddDate(1, 0, 0)
	tls := func(file string) string {
		return "smtpd_tls_security_level = may\nsmtpd_tls_chain_files = " + file + "\nsmtpd_tls_ask_ccert = yes\n"
	}
	good := tls(a.chain("mx.good.example", nextYear))
	access := func(restrictions, check string, pairs ...string) string {
		text := restrictions + " = " + check + " inline:{"
		for i := 0; i < len(pairs); i += 2 {
			text += " {" + pairs[i] + " = " + pairs[i+1] + "}"
		}
		return text + "}\n"
	}
	const directSend = "550 5.7.68 TenantInboundAttribution; Direct Send not allowed"
	return map[string]string{
		"tls": good + access("smtpd_sender_restrictions", "check_sender_access", "late.example", directSend, "sender.example", "REJECT") +
			access("smtpd_recipient_restrictions", "check_recipient_access",
				"connector.example", "550 5.7.64 TenantAttribution; Relay Access Denied",
				"grey.example", "450 4.2.0 Greylisted, come back in 300 seconds",
				"busy.example", "451 4.7.500 Server busy. (S77719) [x.prod.outlook.com]",
				"gateway.example", "421 4.7.0 IP not in whitelist for RCPT domain, closing connection. - gsmtp",
				"nobody.example", "550 5.1.1 no such mailbox",
				"hostile.example", "550 5.9.9 \x1b[2Jgone\u202eaway"),
		"plain":    access("smtpd_recipient_restrictions", "check_recipient_access", "needstls.example", "421 4.7.0 TLS required for RCPT domain. - gsmtp"),
		"eager":    good + "smtpd_delay_reject = no\n" + access("smtpd_sender_restrictions", "check_sender_access", "directsend.example", directSend, "bounce.example", directSend),
		"old":      tls(a.chain("mx.old.example", time.Now().Add(-time.Hour))),
		"selfmade": tls(stranger.chain("mx.selfmade.example", nextYear)),
		"certified": good + "smtpd_tls_fingerprint_digest = sha256\n" +
			"smtpd_recipient_restrictions = check_ccert_access inline:{{" + a.fingerprint(own) + " = OK}}, reject\n",
		"client": good + "smtpd_client_restrictions = check_client_access static:REJECT\n",
	}
}

// TestProbe looks at tenants' servers: real Postfixes that refuse, or take, in their own ways.
func TestProbe(t *testing.T) {
	peer.NeedRoot(t)
	a := newAuthority(t)
	addrs := map[string]string{"": peer.FreeAddr(t)} // nobody listens there
	started := make(map[string]*postfix.Instance)
	var domains []string
	for _, c := range servedTenants {
		if c.id != "relay" {
			domains = append(domains, c.id+".example")
		}
	}
	own := a.chain("mail.courseware.nl", time.Now().AddDate(1, 0, 0))
	for name, main := range servers(a, newAuthority(t), own) {
		started[name] = postfix.Start(t, postfix.Options{Main: "mynetworks =\nrelay_domains = " + strings.Join(domains, " ") +
			"\nsmtpd_relay_restrictions = reject_unauth_destination\n" + main})
		addrs[name] = started[name].SMTPAddr
	}
	p := openProbed(t, addrs, a, own)
	for _, c := range servedTenants {
		t.Run(c.id, func(t *testing.T) {
			p.t = t
			before := ""
			if c.server != "" {
				before = started[c.server].Log()
			}
			c.expect(t, p)
			if c.server != "" {
				quiet(t, func() string { return strings.TrimPrefix(started[c.server].Log(), before) })
			}
		})
	}
}

// openProbed is premises whose tenants have a next hop each, on 127.0.0.1, and whose Postfix has
// a certificate of its own.
func openProbed(t *testing.T, addrs map[string]string, a *authority, own string) *premises {
	t.Helper()
	var tenants strings.Builder
	var zone []string
	for _, c := range servedTenants {
		_, port, _ := net.SplitHostPort(addrs[c.server])
		hop := fmt.Sprintf("[mx.%s.example]:%s", c.id, port)
		if c.mx {
			hop = fmt.Sprintf("%s.example:%s", c.id, port)
		}
		fmt.Fprintf(&tenants, "  - id: %[1]s\n    domains: [%[1]s.example]\n    authorization: authorized\n"+
			"    direct: {domains: [%[1]s.example], next_hop: \"%[2]s\", tls: %[3]s, envelope: %[4]s}\n",
			c.id, hop, c.tls, cmp.Or(c.envelope, "bounce"))
		if c.id != "gone" {
			zone = append(zone, "mx."+c.id+".example A 127.0.0.1")
		}
	}
	tenants.WriteString("  - id: none\n    domains: [none.example]\n")
	zone = append(zone, "mx.example MX 20 mx.mx.example", "mx.example MX 10 first.mx.example", "first.mx.example A 127.0.0.77", "nullmx.example MX 0 .")
	p := openPremises(t, tenants.String())
	p.publish(zone...)
	main := filepath.Join(p.postfix.ConfigDir, "main.cf")
	text, err := os.ReadFile(main)
	if err == nil {
		text = fmt.Appendf(text, "\nsmtp_tls_security_level = may\nsmtp_tls_CAfile = %s\nsmtp_tls_chain_files = %s\n", a.write("ca", pemOf(a.cert)), own)
		err = os.WriteFile(main, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("MAIL_CONFIG", p.postfix.ConfigDir)
	return p
}

func (c served) expect(t *testing.T, p *premises) {
	t.Helper()
	output, talk, status := p.run("check", c.id, "--probe")
	folded := strings.Join(strings.Fields(output), " ")
	if status != c.status || talk != "" || !strings.Contains(folded, c.says) {
		t.Errorf("check --probe ends with %d, want %d and %q:\n%s%s", status, c.status, c.says, output, talk)
	}
	if strings.Contains(output, "SRS0") || strings.ContainsAny(output, "\x1b\u202e") {
		t.Errorf("what must not be shown is shown:\n%q", output)
	}
	text, talk, status := p.run("check", c.id, "--probe", "--json")
	var got probed
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v\n%s%s", err, text, talk)
	}
	if status != c.status || got.Accepted != (c.status == 0) || strings.Contains(text, "SRS0") || strings.ContainsAny(text, "\x1b\u202e") {
		t.Errorf("check --probe --json ends with %d:\n%s", status, text)
	}
	var kinds []string
	for _, f := range got.Findings {
		if f.Level != "ok" && f.Kind != "other-local-address" {
			kinds = append(kinds, f.Kind)
		}
	}
	slices.Sort(kinds)
	if found := strings.Join(kinds, " "); found != c.kinds {
		t.Errorf("found %q, want %q:\n%s", found, c.kinds, output)
	}
	if got.Caller.Hello != "mail.courseware.nl" || !slices.Equal(got.Caller.Certificate.Names, []string{"mail.courseware.nl"}) {
		t.Errorf("we come as %+v", got.Caller)
	}
	if c.server != "" && c.server != "plain" && !got.Hosts[len(got.Hosts)-1].Session.AskedOurs {
		t.Error("the server asked for our certificate, and nobody says so")
	}
}

// quiet holds what the server saw of two probes against what they may do.
func quiet(t *testing.T, log func() string) {
	t.Helper()
	const ended = ": disconnect from "
	for deadline := time.Now().Add(10 * time.Second); strings.Count(log(), ended) < 2; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("two probes are not two sessions:\n%s", log())
		}
	}
	for line := range strings.Lines(log()) {
		_, counts, _ := strings.Cut(line, ended)
		for word := range strings.FieldsSeq(counts) {
			command, times, _ := strings.Cut(word, "=")
			if command == "data" || command == "bdat" || command == "unknown" || command == "rcpt" && times != "1" && times != "0/1" {
				t.Errorf("a probe does more than it may: %s", line)
			}
		}
	}
	if strings.Contains(log(), "lost connection") {
		t.Errorf("a session did not end well:\n%s", log())
	}
}
