package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
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

	"github.com/miekg/dns"
	"golang.org/x/tools/txtar"

	"onbehalf/authorize/publish"
	"onbehalf/keys"
	"onbehalf/tenant"
)

// TestDNS prints records for what a DNS server of the test has. A case is a file
// testdata/dns/*.txtar. Above its files stand the arguments behind "onbehalf dns", one command line a
// line:
//
//	zone     what DNS has, with absolute names without final dots; of "name fails" it tells nothing
//	platform added to the configuration's platform
//	config   added at its end, among the tenants
//	postconf what Postfix says of itself, "name = value" lines; without it Postfix cannot be asked
//	names    of the certificate FOLDER/certificate.pem, one a line
//	want     what is printed, with standard error and exit status; -update writes it
//
// KEY stands for the one public key of the tests, SERVER for the DNS server.
func TestDNS(t *testing.T) {
	cases, err := filepath.Abs("testdata/dns")
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(cases + "/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no case (%v)", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			parts := make(map[string]string)
			for _, file := range archive.Files {
				parts[file.Name] = string(file.Data)
			}
			server := serveZone(t, withKey(t, parts["zone"]))
			config := install(t, server, parts["platform"], parts["config"])
			t.Chdir(filepath.Dir(config)) // whose name would be wrapped with the text that repeats it
			standIn(t, filepath.Dir(config), parts["postconf"], strings.Fields(parts["names"]))
			got := ""
			for line := range strings.Lines(string(archive.Comment)) {
				got += "$ onbehalf dns " + line + withoutKey(t, runDNS(config, strings.Fields(line)...))
			}
			got = strings.ReplaceAll(got, server, "SERVER")
			switch {
			case *update:
				replaceWant(t, path, archive, got)
			case got != parts["want"]:
				t.Errorf("got:\n%s\nwant:\n%s", got, parts["want"])
			}
		})
	}
}

func runDNS(config string, args ...string) string {
	var out, talk bytes.Buffer
	name := config
	if here, err := os.Getwd(); err == nil && here == filepath.Dir(config) {
		name = filepath.Base(config)
	}
	status := run(append([]string{"dns", "--config", name}, args...), nil, &out, &talk)
	said := ""
	for line := range strings.Lines(talk.String()) {
		if !strings.HasPrefix(line, "warning: ") {
			said += "! " + strings.ReplaceAll(line, filepath.Dir(config), "FOLDER")
		}
	}
	return out.String() + said + fmt.Sprintf("= %d\n\n", status)
}

// standIn puts a postconf on the path that says this, so that no Postfix of the machine is
// asked, and a certificate of these names into the folder.
func standIn(t *testing.T, folder, settings string, names []string) {
	t.Helper()
	script := "#!/bin/sh\necho 'postconf: fatal: open /nowhere/main.cf' >&2\nexit 1\n"
	if settings != "" {
		settings = strings.ReplaceAll(settings, "FOLDER", folder)
		script = "#!/bin/sh\ncase $1 in\n-P|-M) ;;\n*) cat <<'END'\n" + settings + "END\nesac\n"
	}
	bin := t.TempDir()
	if err := os.WriteFile(bin+"/postconf", []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	if len(names) > 0 {
		if err := os.WriteFile(folder+"/certificate.pem", certificate(t, names), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// certificate makes one as an authority would.
func certificate(t *testing.T, names []string) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority"}, IsCA: true, BasicConstraintsValid: true}
	one := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: names, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, one, authority, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func replaceWant(t *testing.T, path string, archive *txtar.Archive, want string) {
	t.Helper()
	for i, file := range archive.Files {
		if file.Name == "want" {
			archive.Files[i].Data = []byte(want)
		}
	}
	if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// publicKey gives p= of the key that all have.
func publicKey(t *testing.T) string {
	t.Helper()
	key, err := testKey()
	if err != nil {
		t.Fatal(err)
	}
	return keyText(t, key)
}

// withKey puts the key in; KEY1 and KEY2 are its halves, for one string holds 255 octets.
func withKey(t *testing.T, s string) string {
	key := publicKey(t)
	half := len(key) / 2
	return strings.NewReplacer("KEY1", key[:half], "KEY2", key[half:], "KEY", key).Replace(s)
}

// withoutKey undoes what a zone file does to the key, and hides it.
func withoutKey(t *testing.T, s string) string {
	key := publicKey(t)
	cut := 255 - len("v=DKIM1; k=rsa; p=")
	s = strings.ReplaceAll(s, key[:cut]+"\"\n\t\""+key[cut:], "KEY/KEY")
	s = strings.ReplaceAll(s, key[:cut]+"\" \""+key[cut:], "KEY\" \"KEY")
	return strings.ReplaceAll(s, key, "KEY")
}

// install writes a configuration that asks a DNS server.
func install(t *testing.T, server, platform, more string) string {
	t.Helper()
	folder := t.TempDir()
	if err := writeInstallation(folder); err != nil {
		t.Fatal(err)
	}
	path := folder + "/onbehalf.yaml"
	config, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	config = bytes.Replace(config, []byte("platform:\n"), []byte("platform:\n"+platform), 1)
	config = append(config, more...)
	config = fmt.Appendf(config, "dns: {servers: [%q], timeout: 10s, max_per_second: 1000}\n", server)
	if err := os.WriteFile(path, config, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// serveZone answers on a loopback port until the test ends.
func serveZone(t *testing.T, zone string) string {
	t.Helper()
	records := make(map[string][]dns.RR)
	failing := make(map[string]bool)
	for line := range strings.Lines(zone) {
		if name, found := strings.CutSuffix(strings.TrimSpace(line), " fails"); found {
			failing[name+"."] = true
			continue
		}
		rr, err := dns.NewRR("$ORIGIN .\n" + line)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if rr != nil {
			records[rr.Header().Name] = append(records[rr.Header().Name], rr)
		}
	}
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	server := &dns.Server{PacketConn: socket, NotifyStartedFunc: func() { close(started) }}
	server.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, m *dns.Msg) {
		answer := answerFrom(records, m)
		if failing[strings.ToLower(m.Question[0].Name)] {
			answer.Rcode = dns.RcodeServerFailure
		}
		w.WriteMsg(answer)
	})
	go server.ActivateAndServe()
	<-started
	t.Cleanup(func() { server.Shutdown() })
	return socket.LocalAddr().String()
}

func answerFrom(records map[string][]dns.RR, m *dns.Msg) *dns.Msg {
	answer := new(dns.Msg).SetReply(m)
	answer.Compress = true
	at := records[strings.ToLower(m.Question[0].Name)]
	if len(at) == 0 {
		answer.Rcode = dns.RcodeNameError
	}
	for _, rr := range at {
		if kind := rr.Header().Rrtype; kind == m.Question[0].Qtype || kind == dns.TypeCNAME {
			answer.Answer = append(answer.Answer, rr)
		}
	}
	return answer
}

// TestDocumentedDNS holds what docs/dns.md shows against the case that it is from.
func TestDocumentedDNS(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/dns/documented.txtar")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/dns.md")
	if err != nil {
		t.Fatal(err)
	}
	want := string(archive.Files[len(archive.Files)-1].Data)
	for shown := range strings.SplitSeq(strings.TrimSpace(want), "= 0\n") {
		shown = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(shown), "= 0"))
		if !strings.Contains(string(page), shown) {
			t.Errorf("docs/dns.md does not show:\n%s", shown)
		}
	}
}

// TestDocumentedDirect holds what docs/direct.md shows against the case that it is from.
func TestDocumentedDirect(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/dns/direct-exchange.txtar")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/direct.md")
	if err != nil {
		t.Fatal(err)
	}
	_, want, found := strings.Cut(string(archive.Files[len(archive.Files)-1].Data), "\ndirect ")
	want, _, ended := strings.Cut(want, "= 0\n")
	want = strings.ReplaceAll(want, " --config onbehalf.yaml", "") // nobody needs it for the usual file
	if !found || !ended || !strings.Contains(string(page), "\ndirect "+want) {
		t.Errorf("docs/direct.md does not show:\ndirect %s", want)
	}
}

// TestDirectAsJSON reads back what --json prints about direct delivery.
func TestDirectAsJSON(t *testing.T) {
	config := install(t, serveZone(t, ""), "", `  - id: hospital
    domains: [hospital.example]
    return_path: bounce.hospital.example
    direct: {domains: [hospital.example], next_hop: "[mx.hospital.example]:2525", tls: encrypt, envelope: bounce}
`)
	standIn(t, filepath.Dir(config), "smtp_helo_name = mail.courseware.nl\n", nil)
	var out, talk bytes.Buffer
	if status := run([]string{"dns", "--config", config, "--json", "hospital"}, nil, &out, &talk); status != exitFine {
		t.Fatal(status, talk.String())
	}
	var sheet publish.Sheet
	if err := json.Unmarshal(out.Bytes(), &sheet); err != nil {
		t.Fatal(err)
	}
	a := sheet.Allow
	if a == nil || a.NextHop.String() != "[mx.hospital.example]:2525" || a.TLS != tenant.TLSEncrypt || a.Client.HELO != "mail.courseware.nl" ||
		len(a.Unproven) != 1 || !slices.Equal(a.Proofs, []string{"bounce.hospital.example"}) || !slices.Equal(a.Senders, []string{"bounce.hospital.example", "bounces.courseware.nl"}) {
		t.Errorf("%+v", a)
	}
}

// TestDNSAsJSON reads back what --json prints.
func TestDNSAsJSON(t *testing.T) {
	config := install(t, serveZone(t, "university.example TXT \"v=spf1 mx -all\"\n"), "", "")
	var out, talk bytes.Buffer
	if status := run([]string{"dns", "--config", config, "--json", "university"}, nil, &out, &talk); status != exitFine {
		t.Fatal(status, talk.String())
	}
	var sheet publish.Sheet
	if err := json.Unmarshal(out.Bytes(), &sheet); err != nil {
		t.Fatal(err)
	}
	if len(sheet.Records) != 3 || sheet.Records[0].Value != "v=spf1 ip4:80.84.235.70 mx -all" || sheet.Records[1].Instead[0].Value != "v=DKIM1; k=rsa; p="+publicKey(t) {
		t.Errorf("%+v", sheet)
	}
}

func keyText(t *testing.T, key keys.Key) string {
	t.Helper()
	record, err := keys.Record(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(record, "v=DKIM1; k=rsa; p=")
}
