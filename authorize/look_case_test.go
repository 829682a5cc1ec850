package authorize_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"onbehalf/authorize"
	"onbehalf/authorize/resolve"
	"onbehalf/dmarc"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// lookCase is one look at one domain. It is a txtar file:
//
//	platform   ips, bounce: what differs from the platform that all cases have
//	zone       what DNS holds: a master file, as serve reads it, with placeholders
//	target    domain, spf: yes, dkim: SELECTOR=KEY..., return_path, dmarc: yes, thorough: yes
//	report     what the look must show
//	questions  what it must ask, in this order; left out: whatever it likes
//
// Placeholders: {rsa} is the record of the key called rsa, and rsa2 and ed25519 are others; {rsa:p}
// is its p= alone, {rsa:pkcs1} that in the form of PKCS #1, {rsa:cut} what is left of the record in
// a form for 255 characters, {rsa:half} half of p=; {TEXT*N} is a text N times, with each # in it
// counted.
type lookCase struct {
	name, path string
	archive    *txtar.Archive
	platform   tenant.Platform
	target     authorize.Target
	zone       string
	dmarc      bool // the report has it
	thorough   bool
}

// platformZone is what our own platform has in DNS, in each case.
const platformZone = `
courseware.nl          TXT "v=spf1 include:spf.courseware.nl -all"
spf.courseware.nl      TXT "v=spf1 ip4:80.84.235.70 ip6:2001:db8:70::25 -all"
bounces.courseware.nl  MX  10 mail.courseware.nl.
bounces.courseware.nl  TXT "v=spf1 include:spf.courseware.nl -all"
mail.courseware.nl     A    80.84.235.70
mail.courseware.nl     AAAA 2001:db8:70::25
`

// lookCases reads all cases whose name begins with a prefix. None is a failure.
func lookCases(t testing.TB, prefix string) []*lookCase {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "look", prefix+"*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no case %s* (%v)", prefix, err)
	}
	var all []*lookCase
	for _, path := range paths {
		all = append(all, readLookCase(t, path))
	}
	return all
}

func readLookCase(t testing.TB, path string) *lookCase {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := &lookCase{name: strings.TrimSuffix(filepath.Base(path), ".txtar"), path: path, archive: archive}
	c.platform.Bounce = domain(t, "bounces.courseware.nl")
	for name, value := range c.settings(t, "platform") {
		switch name {
		case "ips":
		case "bounce":
			c.platform.Bounce = domain(t, value)
		default:
			t.Fatalf("%s: platform has the unknown name %q", path, name)
		}
	}
	ips := c.settings(t, "platform")["ips"]
	if ips == "" {
		ips = "80.84.235.70"
	}
	for ip := range strings.FieldsSeq(ips) {
		c.platform.SendingIPs = append(c.platform.SendingIPs, netip.MustParseAddr(ip))
	}
	for name, value := range c.settings(t, "subject") {
		switch name {
		case "domain":
			c.target.Domain = domain(t, value)
		case "spf":
			c.target.SPF = value == "yes"
		case "return_path":
			c.target.ReturnPath = domain(t, value)
		case "dmarc":
			c.dmarc = value == "yes"
		case "thorough":
			c.thorough = value == "yes"
		case "dkim":
		default:
			t.Fatalf("%s: target has the unknown name %q", path, name)
		}
	}
	for word := range strings.FieldsSeq(c.settings(t, "subject")["dkim"]) {
		selector, key, _ := strings.Cut(word, "=")
		c.target.Keys = append(c.target.Keys, authorize.WantedKey{
			Identity: tenant.Identity{SDID: c.target.Domain, Selector: selector, Algorithm: pairs()[key].Algorithm()},
			Public:   pairs()[key].Public(),
		})
	}
	c.zone = placeholders.ReplaceAllStringFunc(c.section("zone"), fill) + platformZone
	return c
}

func domain(t testing.TB, name string) message.Domain {
	t.Helper()
	d, err := message.ParseDomain(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (c *lookCase) section(name string) string {
	for _, file := range c.archive.Files {
		if file.Name == name {
			return string(file.Data)
		}
	}
	return ""
}

func (c *lookCase) has(section string) bool {
	for _, file := range c.archive.Files {
		if file.Name == section {
			return true
		}
	}
	return false
}

// settings reads lines of the form "name: value".
func (c *lookCase) settings(t testing.TB, section string) map[string]string {
	t.Helper()
	values := make(map[string]string)
	for line := range strings.Lines(c.section(section)) {
		name, value, found := strings.Cut(strings.TrimSpace(line), ":")
		if !found {
			t.Fatalf("%s: %s line %q is not name: value", c.path, section, line)
		}
		values[name] = strings.TrimSpace(value)
	}
	return values
}

// look asks a real server over loopback, as in production.
func (c *lookCase) look(t testing.TB) (authorize.Report, *server) {
	t.Helper()
	s := serve(t, c.zone)
	patience := 5 * time.Second
	if strings.Contains(c.zone, "; SILENT") {
		patience = 600 * time.Millisecond
	}
	return c.lookAt(t, s.addr, patience), s
}

func (c *lookCase) lookAt(t testing.TB, addr string, patience time.Duration) authorize.Report {
	t.Helper()
	client, err := resolve.New(resolve.Options{Servers: []string{addr}, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	c.target.Thorough = c.thorough
	return judged(t, client, &c.platform, c.target)
}

// judged observes, writes the observation and reads it back, and judges what was read. That must be
// what was observed, and ask for nothing more.
func judged(t testing.TB, dns resolve.Asker, p *tenant.Platform, target authorize.Target) authorize.Report {
	t.Helper()
	o, _ := authorize.Observe(t.Context(), dns, p, []authorize.Target{target})
	text := asJSON(t, o)
	var back authorize.Observation
	fromJSON(t, text, &back)
	if again := asJSON(t, back); again != text {
		t.Errorf("%s\nwas read back as\n%s", text, again)
	}
	needs := new(asksNothing)
	r := authorize.Judge(witness{back, needs}, p, target)
	if needs.more != nil {
		t.Errorf("the observation has no answer to %q", needs.more)
	}
	if spf := asJSON(t, r.SPFResults); len(o.SPF) > 0 && spf != asJSON(t, back.SPF) {
		t.Errorf("SPF is judged %s\nand was observed as %s", spf, asJSON(t, back.SPF))
	}
	return r
}

// asksNothing has the questions that an observation has no answer to.
type asksNothing struct{ more []string }

// witness are answers of which it is seen what they have not.
type witness struct {
	authorize.Observation
	*asksNothing
}

// To is of resolve.Answers.
func (w witness) To(name string, qtype uint16) (resolve.Answer, error) {
	answer, err := w.Observation.To(name, qtype)
	if failed := new(resolve.Error); errors.As(err, &failed) && failed.Cause == resolve.ErrNotAsked {
		w.more = append(w.more, failed.Name+" "+failed.Type)
	}
	return answer, err
}

func fromJSON(t testing.TB, text string, value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), value); err != nil {
		t.Fatal(err)
	}
}

func asJSON(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// update writes what came of the case into its file.
func (c *lookCase) update(t testing.TB, report, questions string) {
	t.Helper()
	asks := c.has("questions")
	var files []txtar.File
	for _, file := range c.archive.Files {
		if file.Name != "report" && file.Name != "questions" {
			files = append(files, file)
		}
	}
	files = append(files, txtar.File{Name: "report", Data: []byte(report)})
	if asks {
		files = append(files, txtar.File{Name: "questions", Data: []byte(questions)})
	}
	c.archive.Files = files
	if err := os.WriteFile(c.path, txtar.Format(c.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// pairs makes the keys of all cases, once: RSA takes its time.
var pairs = sync.OnceValue(func() map[string]keys.Key {
	all := make(map[string]keys.Key)
	for name, algorithm := range map[string]tenant.Algorithm{"rsa": tenant.RSA, "rsa2": tenant.RSA, "ed25519": tenant.Ed25519} {
		key, err := keys.Generate(algorithm, map[tenant.Algorithm]int{tenant.RSA: 2048}[algorithm])
		if err != nil {
			panic(err)
		}
		all[name] = key
	}
	return all
})

var placeholders = regexp.MustCompile(`\{(rsa2?|ed25519)(:[a-z0-9]+)?\}|\{([^{}*\n]|\{[^{}]*\})*\*[0-9]+\}`)

// fill gives what stands for a placeholder.
func fill(placeholder string) string {
	body := placeholder[1 : len(placeholder)-1]
	if text, times, found := strings.Cut(body, "*"); found {
		n, _ := strconv.Atoi(times)
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.ReplaceAll(text, "#", strconv.Itoa(i)))
		}
		return b.String()
	}
	name, form, _ := strings.Cut(body, ":")
	return forms(pairs()[name].Public())[form]
}

// forms gives the forms of a key that placeholders name.
func forms(public crypto.PublicKey) map[string]string {
	record, err := keys.Record(public)
	if err != nil {
		panic(err)
	}
	_, p, _ := strings.Cut(record, "p=")
	all := map[string]string{"": record, "p": p, "cut": record[:min(len(record), 255)], "half": p[:len(p)/8*4]}
	if public, ok := public.(*rsa.PublicKey); ok {
		all["pkcs1"] = base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(public))
	}
	return all
}

// masked puts the placeholders back for what they stood for.
func masked(text string) string {
	for _, form := range []string{"", "p", "pkcs1", "cut", "half"} {
		for name, key := range pairs() {
			of := forms(key.Public())[form]
			if of != "" {
				text = strings.ReplaceAll(text, of, strings.TrimSuffix("{"+name+":"+form, ":")+"}")
			}
		}
	}
	return text
}

// printed gives a report as a case has it.
func (c *lookCase) printed(r authorize.Report) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	show := func(what string, f authorize.Finding) {
		if f.Reason == "" {
			return
		}
		line("%s: %s, %s", what, f.Verdict, f.Reason)
		line("\t%s", f.Text)
		if f.Remedy != "" {
			line("\tremedy: %s", f.Remedy)
		}
		for _, text := range f.Found {
			line("\tfound: %s", text)
		}
	}
	show("spf", r.SPF)
	for _, one := range r.SPFResults {
		line("\t%s: %s", one.IP, one.Result)
	}
	for i, f := range r.Keys {
		show("dkim "+r.Target.Keys[i].Selector, f)
	}
	show("return path", r.ReturnPath)
	if c.dmarc {
		show("dmarc", r.Policy)
	}
	if d := r.DMARC; c.dmarc && d.Policy != dmarc.Unknown {
		line("\tpolicy %s, organizational domain %s, strict DKIM %t, strict SPF %t", d.Policy, d.Organizational, d.StrictDKIM, d.StrictSPF)
	}
	if !r.Answered {
		line("nothing was answered")
	}
	return b.String()
}
