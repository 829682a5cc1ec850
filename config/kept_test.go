package config

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"onbehalf/disk"
	"onbehalf/tenant"
)

// settleAtOnce has files kept that were written just now.
func settleAtOnce(t *testing.T) {
	settled = func(disk.Stamp, time.Time) bool { return true }
	t.Cleanup(func() { settled = disk.Stamp.Settled })
}

// town is a folder of configuration that changes all the time.
type town struct {
	t      *testing.T
	dir    string
	random *rand.Rand
	writes int64
}

// write writes a file, with a time of its own: file systems count in steps.
func (w *town) write(name, text string) {
	path := filepath.Join(w.dir, name)
	put(w.t, path, []byte(text))
	w.writes++
	at := time.Unix(1_700_000_000+w.writes, 0)
	if err := os.Chtimes(path, at, at); err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) oneOf(words ...string) string { return words[w.random.IntN(len(words))] }

// tenant returns a tenant of few names, so that two often claim the same.
func (w *town) tenant() string {
	domain := w.oneOf("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l") + ".example"
	text := "  - id: " + w.oneOf("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve") +
		"\n    domains: [" + w.oneOf("", "", "", "*.", "sub.") + domain + w.oneOf("", "", "", ", outlook.de", ", bounce.a.example") + "]\n"
	for _, key := range []string{
		"name: The tenant", "mode: shadow", "authorization: authorized", "from_name: \"{name} of {tenant}\"",
		"return_path: bounce." + domain, "bounces_to: it@" + domain, "bounces_to: it@bounce.a.example",
		"submitters: {logins: [" + w.oneOf("anna", "bert", "carl") + "], networks: [192.0.2." + w.oneOf("1", "2", "3") + "]}",
		"direct: {domains: [" + domain + "], next_hop: \"[mx.example.net]:25\", tls: " + w.oneOf("may", "encrypt") + "}",
		"dkim: [{selector: cw1, key: cw1.pem}]", "authorisation: auto",
	} {
		if w.random.IntN(14) == 0 {
			text += "    " + key + "\n"
		}
	}
	return text
}

func (w *town) file() string {
	text := "tenants:\n"
	for range 1 + w.random.IntN(3) {
		text += w.tenant()
	}
	return text + w.oneOf("", "", "", "# a comment\n")
}

func (w *town) main() string {
	return benchMain + w.oneOf("", "", "policy: {rewrite_from: never}\n", "dns: {timeout: 7s}\n", "metrics: {tenants: [one, two, three]}\n", "trust: {networks: [192.0.2.0/24]}\n") +
		w.oneOf("", "", "tenants: [{id: inmain, domains: [a.example]}]\n", "tenants: [{id: one, domains: [inmain.example]}]\n")
}

// change does to the configuration what people do.
func (w *town) change() {
	name := filepath.Join("tenants.d", w.oneOf("a", "b", "c", "d", "e", "f", "g")+".yaml")
	path := filepath.Join(w.dir, name)
	switch w.random.IntN(8) {
	case 0:
		w.write("onbehalf.yaml", w.main())
	case 1:
		os.Remove(path)
	case 2:
		if text, err := os.ReadFile(path); err == nil {
			os.Remove(path)
			w.write(filepath.Join("tenants.d", w.oneOf("a", "b", "c", "d", "e", "f", "g")+".yaml"), string(text))
		}
	default:
		w.write(name, w.file())
	}
}

// TestKeptFiles holds that a load that keeps the files that have not changed comes to what a load
// of all comes to, after any change: the same findings in the same order, and the same tenants.
func TestKeptFiles(t *testing.T) {
	settleAtOnce(t)
	w := &town{t: t, dir: t.TempDir(), random: rand.New(rand.NewPCG(1, 2))}
	w.write("srs.secrets", "0123456789abcdef0123456789abcdef\n")
	w.write("onbehalf.yaml", benchMain)
	path := filepath.Join(w.dir, "onbehalf.yaml")
	os.Mkdir(filepath.Join(w.dir, "tenants.d"), 0o755)
	var last *Config
	var accepted, refused, kept, warned int
	for step := range 4000 {
		w.change()
		whole, all := Load(path, nil)
		before := beforeOf(t, last)
		conf, findings := LoadBeside(path, nil, before, func() {})
		if !slices.Equal(all, findings) {
			t.Fatalf("step %d: a load of all finds\n%s\none that keeps files\n%s", step, listing(w.dir, all), listing(w.dir, findings))
		}
		if findings.Fatal() {
			refused++
			if w.random.IntN(2) == 0 { // it would soon be wrong everywhere
				for _, f := range findings {
					if f.Level == Error && f.File != path {
						os.Remove(f.File)
					}
				}
			}
			continue
		}
		if a, b := dump(whole), dump(conf); a != b {
			t.Fatalf("step %d: a load of all is\n%s\none that keeps files\n%s", step, a, b)
		}
		accepted++
		warned += min(1, len(findings))
		for _, one := range conf.Tenants {
			if was := before.tenant(one.ID); was == one {
				kept++
			}
		}
		identify := func(ids []tenant.Identity) []tenant.Identity { return ids }
		conf.Identify(identify)
		last = conf
	}
	t.Log(accepted, "accepted,", refused, "refused,", kept, "tenants kept,", warned, "with warnings")
	if accepted < 1000 || refused < 500 || kept < 2000 || warned < 500 {
		t.Error("too few of a kind")
	}
}

// TestKeptFilesAreNotRead: what has not changed is not opened; what was written just before it was
// read, is.
func TestKeptFilesAreNotRead(t *testing.T) {
	w := &town{t: t, dir: t.TempDir()}
	w.write("srs.secrets", "0123456789abcdef0123456789abcdef\n")
	w.write("onbehalf.yaml", benchMain)
	w.write("tenants.d/a.yaml", "tenants: [{id: plain, domains: [a.example]}]\n")
	w.write("tenants.d/b.yaml", "tenants: [{id: keyed, domains: [b.example], dkim: [{selector: cw1, key: cw1.pem}]}]\n")
	path := filepath.Join(w.dir, "onbehalf.yaml")
	load := func(last *Config) (*Config, string) {
		t.Helper()
		l := newLoader(nil, beforeOf(t, last), 1, func() {})
		conf, findings, _ := l.run(path, nil)
		if findings.Fatal() {
			t.Fatal(findings)
		}
		var read []string
		for _, d := range l.documents {
			if d.octets != nil {
				read = append(read, filepath.Base(d.file))
			}
		}
		return conf, strings.Join(read, " ")
	}
	last, _ := load(nil)
	last, read := load(last)
	if read != "onbehalf.yaml a.yaml b.yaml" {
		t.Errorf("just written: %s are read", read)
	}
	settleAtOnce(t)
	last, _ = load(last)
	for _, step := range []struct{ change, read string }{
		{"", "onbehalf.yaml b.yaml"},
		{"tenants.d/a.yaml", "onbehalf.yaml a.yaml b.yaml"},
		{"", "onbehalf.yaml b.yaml"},
		{"srs.secrets", "onbehalf.yaml b.yaml"},
	} {
		if step.change != "" {
			text, _ := os.ReadFile(filepath.Join(w.dir, step.change))
			w.write(step.change, string(text))
		}
		if last, read = load(last); read != step.read {
			t.Errorf("after a change of %q: %s are read, want %s", step.change, read, step.read)
		}
	}
	w.write("onbehalf.yaml", benchMain+"policy: {rewrite_from: never}\n")
	if _, read = load(last); read != "onbehalf.yaml a.yaml b.yaml" {
		t.Errorf("after a change of the policy: %s are read", read)
	}
}

// TestKeptAgainstChanged: what a changed file claims of a tenant in one that is kept, and the other
// way round, is found as a load of all finds it.
func TestKeptAgainstChanged(t *testing.T) {
	settleAtOnce(t)
	const fine = "tenants: [{id: changed, domains: [changed.example]}]\n"
	for _, test := range []struct{ kept, changed, cause string }{
		{"{id: kept, domains: [kept.example]}", "{id: kept, domains: [changed.example]}", "is also the id of another tenant"},
		{"{id: kept, domains: [kept.example]}", "{id: changed, domains: [kept.example]}", "also belongs to tenant"},
		{"{id: kept, domains: [\"*.kept.example\"]}", "{id: changed, domains: [\"*.kept.example\"]}", "also belongs to tenant"},
		{"{id: kept, domains: [kept.example], submitters: {logins: [anna]}}", "{id: changed, domains: [changed.example], submitters: {logins: [anna]}}", "is also bound to tenant"},
		{"{id: kept, domains: [kept.example], submitters: {networks: [192.0.2.1]}}", "{id: changed, domains: [changed.example], submitters: {networks: [192.0.2.1]}}", "is also bound to tenant"},
		{"{id: kept, domains: [kept.example], return_path: bounce.kept.example}", "{id: changed, domains: [kept.example.net, bounce.kept.example]}", "bounce.kept.example belongs to tenant changed"},
		{"{id: kept, domains: [kept.example], return_path: bounce.kept.example}", "{id: changed, domains: [sub.kept.example, kept.example.net], return_path: bounce.kept.example}", "is not below a domain"},
		{"{id: kept, domains: [bounce.changed.example]}", "{id: changed, domains: [changed.example], return_path: bounce.changed.example}", "bounce.changed.example belongs to tenant kept"},
		{"{id: kept, domains: [kept.example], bounces_to: it@bounce.changed.example}", "{id: changed, domains: [changed.example], return_path: bounce.changed.example}", "is inside the return path of tenant changed"},
		{"{id: kept, domains: [\"*.kept.example\"], direct: {domains: [sub.kept.example], next_hop: \"[mx.example.net]:25\"}}", "{id: changed, domains: [sub.kept.example]}", "belongs to tenant changed"},
		{"{id: kept, domains: [sub.changed.example]}", "{id: changed, domains: [\"*.changed.example\"], direct: {domains: [sub.changed.example], next_hop: \"[mx.example.net]:25\"}}", "belongs to tenant kept"},
		{"{id: kept, domains: [\"*.changed.example\"]}", "{id: changed, domains: [changed.example], direct: {domains: [sub.changed.example], next_hop: \"[mx.example.net]:25\"}}", "belongs to tenant kept"},
		{"{id: kept, domains: [kept.example], direct: {domains: [kept.example], next_hop: \"[mx.example.net]:25\"}}",
			"{id: changed, domains: [changed.example], direct: {domains: [changed.example], next_hop: \"[mx.example.net]:25\", tls: encrypt}}", "is also the next hop of tenant"},
		{"{id: kept, domains: [kept.example], direct: {domains: [kept.example], next_hop: \"[mx.example.net]:25\"}}",
			"{id: changed, domains: [changed.example], return_path: bounce.changed.example, direct: {domains: [changed.example], next_hop: \"[mx.example.net]:25\"}}", ""},
	} {
		for _, names := range [][2]string{{"a.yaml", "b.yaml"}, {"b.yaml", "a.yaml"}} {
			w := &town{t: t, dir: t.TempDir()}
			w.write("srs.secrets", "0123456789abcdef0123456789abcdef\n")
			w.write("onbehalf.yaml", benchMain)
			w.write("tenants.d/"+names[0], "tenants: ["+test.kept+"]\n")
			w.write("tenants.d/"+names[1], fine)
			path := filepath.Join(w.dir, "onbehalf.yaml")
			last, findings := Load(path, nil)
			if findings.Fatal() {
				t.Fatal(test.kept, findings)
			}
			w.write("tenants.d/"+names[1], "tenants: ["+test.changed+"]\n")
			_, all := Load(path, nil)
			_, got := LoadBeside(path, nil, beforeOf(t, last), func() {})
			if !slices.Equal(all, got) || !strings.Contains(listing(w.dir, all), test.cause) {
				t.Errorf("%s beside %s, in %s and %s: a load of all finds\n%s\none that keeps files\n%s\nwant %s", test.kept, test.changed, names[0], names[1], listing(w.dir, all), listing(w.dir, got), test.cause)
			}
		}
	}
}

// BenchmarkReload loads 100,000 tenants in ten files again: as they are, and with one of the files
// changed.
func BenchmarkReload(b *testing.B) {
	dir := b.TempDir()
	put(b, filepath.Join(dir, "onbehalf.yaml"), []byte(benchMain))
	put(b, filepath.Join(dir, "srs.secrets"), []byte("0123456789abcdef0123456789abcdef\n"))
	for f := range 10 {
		var text strings.Builder
		text.WriteString("tenants:\n")
		for i := range 10_000 {
			fmt.Fprintf(&text, "  - id: t%d\n    domains: [t%d.example]\n", f*10_000+i, f*10_000+i)
		}
		put(b, filepath.Join(dir, "tenants.d", fmt.Sprintf("%d.yaml", f)), []byte(text.String()))
	}
	settled = func(disk.Stamp, time.Time) bool { return true }
	b.Cleanup(func() { settled = disk.Stamp.Settled })
	path := filepath.Join(dir, "onbehalf.yaml")
	conf, findings := Load(path, nil)
	if findings.Fatal() {
		b.Fatal(findings)
	}
	table, err := tenant.NewTable(conf.Platform, conf.Tenants)
	if err != nil {
		b.Fatal(err)
	}
	for _, test := range []struct {
		name string
		prep func()
	}{
		{"nothing changed", func() {}},
		{"one file of ten", func() { os.Chtimes(filepath.Join(dir, "tenants.d", "3.yaml"), time.Time{}, time.Now()) }},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				test.prep()
				LoadBeside(path, nil, Before{conf, table.Snapshot()}, func() {})
			}
		})
	}
}
