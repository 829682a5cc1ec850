package authorize_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/miekg/dns"

	"onbehalf/authorize"
	"onbehalf/message"
	"onbehalf/tenant"
)

// FuzzLook publishes any texts, and a zone in which every other name has the last
// of them, an address and ten hosts for mail. Whatever they are, a look ends, asks no
// more than it may, and asks for no name that a text chose but by SPF.
func FuzzLook(f *testing.F) {
	for _, c := range lookCases(f, "") {
		var texts []string
		for line := range strings.Lines(c.zone) {
			if name, text, found := strings.Cut(line, " TXT "); found && !strings.Contains(name, "courseware") {
				texts = append(texts, strings.Trim(strings.TrimSpace(text), `"`))
			}
		}
		texts = append(texts, "", "", "")
		f.Add(texts[0], texts[0], texts[0], texts[1])
	}
	f.Add("v=spf1 "+fill("{include:%{l}%{v}#.a.nl *5}"), "p=", "v=DMARC1; p=none; psd=y", "v=spf1 mx:%{d1r}.nl include:%{i}.nl exists:%{s} ptr a +all")
	server := serve(f, "")
	f.Fuzz(func(t *testing.T, spf, key, dmarc, others string) {
		server.publish(hostile(spf, key, dmarc, others)...)
		c := &lookCase{platform: tenant.Platform{Bounce: domain(t, "bounces.courseware.nl"), SendingIPs: ourAddresses}}
		c.target = authorize.Target{Domain: domain(t, "customer.nl"), SPF: true, Keys: []authorize.WantedKey{{
			Identity: tenant.Identity{SDID: domain(t, "customer.nl"), Selector: "s1", Algorithm: tenant.RSA}, Public: pairs()["rsa"].Public(),
		}}, ReturnPath: domain(t, "bounce.customer.nl")}
		report := c.lookAt(t, server.addr, 5*time.Second)
		checkWords(t, report)
		if n := len(server.questions()); n > mostQuestions {
			t.Errorf("%d questions, want %d at most", n, mostQuestions)
		}
		c.target.SPF, c.target.ReturnPath = false, message.Domain{}
		server.publish(hostile(spf, key, dmarc, others)...)
		c.lookAt(t, server.addr, 5*time.Second)
		for _, q := range server.questions() {
			if !slices.Contains(plainQuestions, q) {
				t.Errorf("asked for %q", q)
			}
		}
	})
}

// findings gives all that a report has.
func findings(r authorize.Report) []authorize.Finding {
	all := append([]authorize.Finding{r.SPF, r.ReturnPath, r.Policy}, r.Keys...)
	var there []authorize.Finding
	for _, f := range all {
		if f.Reason != "" {
			there = append(there, f)
		}
	}
	return there
}

// checkWords holds what every finding must hold to, for it goes to logs and terminals:
// it is short, and shows what strangers wrote without letting it act.
func checkWords(t testing.TB, r authorize.Report) {
	t.Helper()
	const longest = 1100
	for _, f := range findings(r) {
		for _, text := range append([]string{f.Text, f.Remedy}, f.Found...) {
			if len(text) > longest {
				t.Errorf("%s: %d octets: %q", f.Reason, len(text), text)
			}
			if !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
				t.Errorf("%s: what does not print in %q", f.Reason, text)
			}
		}
		if f.Text == "" || strings.HasSuffix(f.Text, ".") || strings.HasSuffix(f.Remedy, ".") {
			t.Errorf("%s: not a sentence without a full stop: %q, %q", f.Reason, f.Text, f.Remedy)
		}
		if len(f.Found) > 8 {
			t.Errorf("%s: %d records", f.Reason, len(f.Found))
		}
	}
}

var ourAddresses = []netip.Addr{netip.MustParseAddr("80.84.235.70"), netip.MustParseAddr("2001:db8:70::25")}

// plainQuestions are all that a look at customer.nl may ask without SPF.
var plainQuestions = []string{
	"customer.nl TXT", "_dmarc.customer.nl TXT", "_dmarc.nl TXT",
	"s1._domainkey.customer.nl TXT", "s1._domainkey.customer.nl.customer.nl TXT",
}

// hostile is the zone of FuzzLook.
func hostile(spf, key, dmarc, others string) []dns.RR {
	all := []dns.RR{
		textRecord("customer.nl.", spf), textRecord("s1._domainkey.customer.nl.", key),
		textRecord("_dmarc.customer.nl.", dmarc), textRecord("_dmarc.nl.", dmarc),
	}
	for _, name := range []string{"*.", "*.nl.", "*.customer.nl."} {
		all = append(all, textRecord(name, others),
			&dns.A{Hdr: header(name, dns.TypeA), A: net.IPv4(192, 0, 2, 1)},
			&dns.PTR{Hdr: header(name, dns.TypePTR), Ptr: "host.customer.nl."})
		for i := range 10 {
			all = append(all, &dns.MX{Hdr: header(name, dns.TypeMX), Mx: fmt.Sprintf("h%d.nl.", i)})
		}
	}
	return all
}

func header(name string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: 60}
}

// textRecord publishes any octets, as far as one record can hold them.
func textRecord(name, text string) dns.RR {
	txt := &dns.TXT{Hdr: header(name, dns.TypeTXT)}
	text = text[:min(len(text), 30_000)]
	for first := true; first || text != ""; first = false {
		var b strings.Builder
		n := min(len(text), 255)
		for _, octet := range []byte(text[:n]) {
			fmt.Fprintf(&b, `\%03d`, octet)
		}
		txt.Txt, text = append(txt.Txt, b.String()), text[n:]
	}
	return txt
}
