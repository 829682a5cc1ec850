package check_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"onbehalf/authorize"
	"onbehalf/authorize/resolve"
	"onbehalf/cmd/onbehalf/check"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// harness is a platform with tenants, and what DNS has.
type harness struct {
	t        *testing.T
	platform *tenant.Platform
	tenants  []*tenant.Tenant
	known    []tenant.Standing // to the daemon
	refused  map[string][]check.RefusedKey
	ring     keys.Ring
	record   string // of the one key that all have
	helo     string // that Postfix says
	zone     string // absolute names without final dots; of "name fails" DNS has no answer
}

func domain(t testing.TB, s string) message.Domain {
	t.Helper()
	d, err := message.ParseDomain(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// newHarness is Courseware, which has published all that it has to.
func newHarness(t *testing.T) *harness {
	t.Helper()
	from, err := tenant.ParseTemplate("noreply")
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, platform: &tenant.Platform{
		Name: "Courseware", Domain: domain(t, "courseware.nl"), From: from, FromDomain: domain(t, "courseware.nl"),
		Bounce:     domain(t, "bounces.courseware.nl"),
		Domains:    []tenant.Pattern{{Domain: domain(t, "courseware.nl")}},
		SendingIPs: []netip.Addr{netip.MustParseAddr("192.0.2.7")},
		SRS:        tenant.SRS{Secrets: []tenant.Secret{tenant.NewSecret([]byte("0123456789abcdef"))}, MaxAge: 24 * time.Hour},
	}}
	key, err := keys.Generate(tenant.Ed25519, 0)
	if err != nil {
		t.Fatal(err)
	}
	if h.record, err = keys.Record(key.Public()); err != nil {
		t.Fatal(err)
	}
	h.platform.Identities = h.sign(key, "courseware.nl")
	h.helo = "mail.courseware.nl"
	h.zone = `
courseware.nl TXT "v=spf1 ip4:192.0.2.7 -all"
cw1._domainkey.courseware.nl TXT "KEY"
_dmarc.courseware.nl TXT "v=DMARC1; p=reject"
bounces.courseware.nl TXT "v=spf1 ip4:192.0.2.7 -all"
bounces.courseware.nl MX 10 mail.courseware.nl
mail.courseware.nl A 192.0.2.7
7.2.0.192.in-addr.arpa PTR mail.courseware.nl
`
	return h
}

func (h *harness) sign(key keys.Key, sdid string) []tenant.Identity {
	h.t.Helper()
	id := tenant.Identity{SDID: domain(h.t, sdid), Selector: "cw1"}
	if err := h.ring.Add(id, key); err != nil {
		h.t.Fatal(err)
	}
	return h.ring.Held([]tenant.Identity{id})
}

// add makes a tenant whose DNS decides, with the key under cw1.
func (h *harness) add(id string, patterns ...string) *tenant.Tenant {
	h.t.Helper()
	one := &tenant.Tenant{ID: id, Name: id, Authorization: tenant.Auto, FromName: tenant.DefaultFromName(),
		Policy: tenant.Policy{RewriteFrom: tenant.RewriteAlways, KeepEnvelope: true, Mode: tenant.Enforce}}
	key, _ := h.ring.Key(h.platform.Identities[0])
	for _, text := range patterns {
		p, err := tenant.ParsePattern(text)
		if err != nil {
			h.t.Fatal(err)
		}
		one.Domains = append(one.Domains, p)
		one.Identities = append(one.Identities, h.sign(key, p.Domain.String())...)
	}
	h.tenants = append(h.tenants, one)
	return one
}

// table is the daemon's.
func (h *harness) table() *tenant.Table {
	h.t.Helper()
	table, err := tenant.NewTable(h.platform, h.tenants)
	if err == nil {
		err = table.SetStandings(h.known...)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return table
}

// check checks the first tenant, and also returns what is printed, without line breaks.
func (h *harness) check() (check.Result, string) { return h.checkBy(h.table()) }

func (h *harness) checkBy(table *tenant.Table) (check.Result, string) {
	h.t.Helper()
	return h.result(h.checker(table), h.tenants[0])
}

func (h *harness) checkPlatform() (check.Result, string) {
	h.t.Helper()
	return h.result(h.checker(h.table()), nil)
}

// result observes, and judges what was observed by a checker that has not seen it. No DNS answers
// then, and it comes to the same.
func (h *harness) result(c *check.Checker, one *tenant.Tenant) (check.Result, string) {
	h.t.Helper()
	client, err := resolve.New(resolve.Options{Servers: []string{serve(h.t, strings.ReplaceAll(h.zone, "KEY", h.record))}, Timeout: 5 * time.Second})
	if err != nil {
		h.t.Fatal(err)
	}
	var o authorize.Observation
	if err := json.Unmarshal([]byte(asJSON(h.t, c.Observe(h.t.Context(), client, one))), &o); err != nil {
		h.t.Fatal(err)
	}
	for _, reply := range o.Answers.All() {
		if errors.Is(reply.Err, resolve.ErrNotAsked) {
			h.t.Errorf("%s was not asked for", reply.Name)
		}
	}
	return printed(c.Judge(o, one))
}

func (h *harness) checker(table *tenant.Table) *check.Checker {
	h.t.Helper()
	c, err := check.New(check.Source{Table: table, Keys: &h.ring, Refused: h.refused, Hostname: "mail.courseware.nl", HELO: h.helo})
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func printed(r check.Result) (check.Result, string) {
	var out bytes.Buffer
	r.Print(&out)
	return r, strings.Join(strings.Fields(out.String()), " ")
}

// has reports which of the texts is missing.
func has(t *testing.T, printed string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(printed, text) {
			t.Errorf("%q is not in:\n%s", text, printed)
		}
	}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// serve answers from a zone as a recursive server does, until the test ends.
func serve(t *testing.T, zone string) (addr string) {
	t.Helper()
	z := &zoneHandler{records: make(map[string][]dns.RR), fails: make(map[string]bool)}
	for line := range strings.Lines(zone) {
		line = strings.TrimSpace(line)
		if name, found := strings.CutSuffix(line, " fails"); found {
			z.fails[name+"."] = true
			continue
		}
		rr, err := dns.NewRR("$ORIGIN .\n" + line)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if rr != nil {
			z.records[rr.Header().Name] = append(z.records[rr.Header().Name], rr)
		}
	}
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	server := &dns.Server{PacketConn: socket, Handler: z, NotifyStartedFunc: func() { close(started) }}
	go server.ActivateAndServe()
	<-started
	t.Cleanup(func() { server.Shutdown() })
	return socket.LocalAddr().String()
}

type zoneHandler struct {
	records map[string][]dns.RR
	fails   map[string]bool
}

// ServeDNS is of dns.Handler.
func (z *zoneHandler) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	answer := new(dns.Msg).SetReply(question)
	q := question.Question[0]
	name := strings.ToLower(q.Name)
	for range 9 {
		next := ""
		if z.fails[name] {
			answer.Rcode = dns.RcodeServerFailure
		} else if len(z.records[name]) == 0 {
			answer.Rcode = dns.RcodeNameError
		}
		for _, rr := range z.records[name] {
			if alias, ok := rr.(*dns.CNAME); ok {
				next = alias.Target
			}
			if kind := rr.Header().Rrtype; kind == q.Qtype || kind == dns.TypeCNAME {
				answer.Answer = append(answer.Answer, rr)
			}
		}
		if name = next; next == "" || q.Qtype == dns.TypeCNAME {
			break
		}
	}
	w.WriteMsg(answer)
}
