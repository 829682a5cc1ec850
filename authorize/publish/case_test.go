package publish_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"onbehalf/authorize"
	"onbehalf/authorize/publish"
	"onbehalf/authorize/resolve"
	"onbehalf/dmarc"
	"onbehalf/keys"
	"onbehalf/tenant"
)

var update = flag.Bool("update", false, "observe the zones of the cases, and write what comes of them into their files")

// observedCase is what follows from one observation of a tenant. It is a txtar file:
//
//	tenant       domains, keys (selectors at the first domain), return_path
//	before       what was known of the first domain: "MECHANISM STATE SINCE" lines, "dmarc POLICY
//	             CHECKED", and "laxer SINCE"
//	zone         what DNS held, as parse reads it; {SELECTOR} is the record of a key
//	observation  what DNS answered, as JSON: the only thing that is judged
//	findings     what was found
//	standing     of each domain, what follows, and what changes by it
//	sheet        what onbehalf dns prints, zone what it prints with --zone, letter with --text
type observedCase struct {
	path    string
	archive *txtar.Archive
	ring    keys.Ring
	tenant  *tenant.Tenant
}

func readObserved(t *testing.T, path string) *observedCase {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := &observedCase{path: path, archive: archive}
	settings := make(map[string]string)
	for line := range strings.Lines(c.section("tenant")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		settings[name] = value
	}
	c.tenant = customer(t, strings.Fields(settings["domains"])...)
	for selector := range strings.FieldsSeq(settings["keys"]) {
		id := tenant.Identity{SDID: c.tenant.Domains[0].Domain, Selector: selector, Algorithm: tenant.Ed25519}
		key, err := keys.NewKey(ed25519.NewKeyFromSeed([]byte(fmt.Sprintf("%-32s", selector))))
		if err == nil {
			err = c.ring.Add(id, key)
		}
		if err != nil {
			t.Fatal(err)
		}
		c.tenant.Identities = append(c.tenant.Identities, id)
	}
	if settings["return_path"] != "" {
		c.tenant.ReturnPath = domain(t, settings["return_path"])
	}
	return c
}

func (c *observedCase) section(name string) string {
	for _, file := range c.archive.Files {
		if file.Name == name {
			return string(file.Data)
		}
	}
	return ""
}

func (c *observedCase) set(name, text string) {
	for i, file := range c.archive.Files {
		if file.Name == name {
			c.archive.Files[i].Data = []byte(text)
			return
		}
	}
	c.archive.Files = append(c.archive.Files, txtar.File{Name: name, Data: []byte(text)})
}

// observedAt is when all cases were observed.
var observedAt = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func (c *observedCase) platform(t *testing.T) *tenant.Platform {
	return platform(t, "_spf.courseware.nl", "192.0.2.7")
}

func (c *observedCase) advisor(t *testing.T) publish.Advisor {
	return publish.Advisor{Platform: c.platform(t), Keys: &c.ring, Hostname: "mail.courseware.nl", Thorough: true}
}

// observe observes the zone, as a command would.
func (c *observedCase) observe(t *testing.T) authorize.Observation {
	t.Helper()
	zone := c.section("zone") + `
bounces.courseware.nl MX 10 mail.courseware.nl
bounces.courseware.nl TXT "v=spf1 ip4:192.0.2.7 -all"
`
	for _, id := range c.tenant.Identities {
		zone = strings.ReplaceAll(zone, "{"+id.Selector+"}", text(t, &c.ring, id))
	}
	recorder := resolve.NewRecorder(t.Context(), parse(t, zone))
	o := authorize.Observation{At: observedAt}
	for _, target := range authorize.Targets(c.tenant, &c.ring) {
		o.SPF = append(o.SPF, authorize.Judge(recorder, c.platform(t), target).SPFResults...)
	}
	c.advisor(t).Tenant(recorder, c.tenant)
	o.Answers = recorder.Recorded()
	return o
}

// follows is what follows from an observation, by section.
func (c *observedCase) follows(t *testing.T, o authorize.Observation) map[string]string {
	t.Helper()
	var findings, standing, sheet, zone, letter bytes.Buffer
	rules := authorize.Rules{PendingEvery: 5 * time.Minute, ActiveEvery: time.Hour, DemoteAfter: time.Hour}
	advice := c.advisor(t).Tenant(o, c.tenant)
	for i, j := range advice.Judged {
		fmt.Fprintf(&findings, "%s\n", j.Target.Domain)
		for _, item := range j.Items {
			fmt.Fprintf(&findings, "  %s: %s, %s: %s\n", item.Mechanism, item.Verdict, item.Reason, item.Text)
			if item.Remedy != "" {
				fmt.Fprintf(&findings, "    remedy: %s\n", item.Remedy)
			}
			for _, text := range item.Found {
				fmt.Fprintf(&findings, "    found: %s\n", text)
			}
			for _, r := range item.Wanted {
				fmt.Fprintf(&findings, "    wanted: %s %s %s\n", r.Name, r.Type, r.Value)
			}
		}
		before := j.Standing(o.At.Add(-time.Hour))
		c.before(t, &before, i == 0)
		after, changes := rules.Step(before, j.Report, o.At)
		fmt.Fprintf(&standing, "%s\n", j.Target.Domain)
		show := func(name string, m tenant.Mechanism) {
			if m.Of != "" {
				fmt.Fprintf(&standing, "  %s: %s since %s: %s%s\n", name, m.State, m.Since.Format(time.RFC3339), m.Evidence, m.LookupError.Error)
			}
		}
		show("spf", after.SPF)
		for _, key := range after.DKIM {
			show("dkim "+key.Name, key.Mechanism)
		}
		show("return_path", after.ReturnPath)
		fmt.Fprintf(&standing, "  dmarc: %s: %s%s\n", after.DMARC.Policy, after.DMARC.Evidence, after.DMARC.LookupError.Error)
		for _, change := range changes {
			fmt.Fprintf(&standing, "  changed: %s from %q to %q\n", change.Mechanism, change.Before, change.After)
		}
	}
	advice.Print(&sheet)
	advice.Zone(&zone)
	if advice.Letter(&letter); advice.Postpone() != "" {
		letter.Reset()
		fmt.Fprintf(&letter, "there is no letter yet: %s\n", advice.Postpone())
	}
	return map[string]string{"findings": findings.String(), "standing": standing.String(), "sheet": sheet.String(), "zone file": zone.String(), "letter": letter.String()}
}

// before changes what was known to what the case says of the first domain; else nothing was known.
func (c *observedCase) before(t *testing.T, s *tenant.Standing, first bool) {
	t.Helper()
	of := map[string]*tenant.Mechanism{"spf": &s.SPF, "return_path": &s.ReturnPath}
	for i := range s.DKIM {
		of["dkim "+s.DKIM[i].Name] = &s.DKIM[i].Mechanism
	}
	for _, m := range of {
		*m = tenant.Mechanism{Of: m.Of}
	}
	given := c.section("before")
	if given == "" || !first {
		s.DMARC = tenant.DMARC{}
		return
	}
	for line := range strings.Lines(given) {
		words := strings.Fields(line)
		since, err := time.Parse(time.RFC3339, words[len(words)-1])
		if err != nil || len(words) < 2 {
			t.Fatalf("%s: %q: %v", c.path, line, err)
		}
		switch words[0] {
		case "dmarc":
			s.DMARC = tenant.DMARC{Policy: dmarc.Policy(words[1]), Checked: since}
			continue
		case "laxer":
			s.DMARC.LaxerSince = since
			continue
		}
		m := of[strings.Join(words[:len(words)-2], " ")]
		if m == nil {
			t.Fatalf("%s: %q: no such mechanism", c.path, line)
		}
		m.State, m.Since, m.Checked = tenant.State(words[len(words)-2]), since, since
	}
}

// TestObserved: an observation, and nothing else, says what is found, what the next standing is,
// and what sheet, zone file and letter say.
func TestObserved(t *testing.T) {
	paths, err := filepath.Glob("testdata/observed/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no case (%v)", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			c := readObserved(t, path)
			observed, err := json.MarshalIndent(c.observe(t), "", " ")
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				c.set("observation", string(observed)+"\n")
			}
			if got := string(observed) + "\n"; got != c.section("observation") {
				t.Errorf("of its zone is observed\n%s", got)
			}
			var o authorize.Observation
			if err := json.Unmarshal([]byte(c.section("observation")), &o); err != nil {
				t.Fatal(err)
			}
			follows := c.follows(t, o)
			for _, name := range []string{"findings", "standing", "sheet", "zone file", "letter"} {
				if *update {
					c.set(name, follows[name])
				} else if follows[name] != c.section(name) {
					t.Errorf("%s:\n%s\nwant:\n%s", name, follows[name], c.section(name))
				}
			}
			if *update {
				if err := os.WriteFile(path, txtar.Format(c.archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
