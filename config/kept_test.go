package config

import (
	"fmt"
	"maps"
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
	env    map[string]string // by key of the main file
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
	values := map[string]string{
		"id": w.oneOf("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
		"domains": "[" + w.oneOf("", "", "", "\"*.", "sub.", "this-domain-is-a-long-one.") + domain +
			w.oneOf("", "", "", ", outlook.de", ", bounce.a.example") + "]",
	}
	values["domains"] = strings.Replace(values["domains"], "\"*."+domain, "\"*."+domain+"\"", 1)
	for _, key := range keysOfTenant {
		if values[key] == "" && w.random.IntN(20) == 0 {
			values[key] = strings.ReplaceAll(w.oneOf(tenantValues[key]...), "one.example", domain)
		}
	}
	if values["direct.next_hop"] != "" || values["direct.domains"] != "" { // neither goes without the other
		values["direct.next_hop"] = w.oneOf(tenantValues["direct.next_hop"]...)
		values["direct.domains"] = "[" + domain + "]"
	}
	return tenantWith(values) + w.oneOf("", "", "", "", "", "", "", "    authorisation: auto\n")
}

func (w *town) file() string {
	text := "tenants:\n"
	for range 1 + w.random.IntN(3) {
		text += w.tenant()
	}
	return text + w.oneOf("", "", "", "# a comment\n", "# no end")
}

func (w *town) main() string {
	return benchMain + w.oneOf("", "", "policy: {rewrite_from: never}\n", "dns: {timeout: 7s}\n", "metrics: {tenants: [one, two, three]}\n", "trust: {networks: [192.0.2.0/24]}\n") +
		w.oneOf("", "", "tenants: [{id: inmain, domains: [a.example]}]\n", "tenants: [{id: one, domains: [inmain.example]}]\n")
}

func (w *town) aFile() string {
	return filepath.Join(w.oneOf("tenants.d", "tenants.d", "tenants.d", "others.d"), w.oneOf("a", "b", "c", "d", "e", "f", "g")+".yaml")
}

// change does to the configuration what people do. What cannot be done is left.
func (w *town) change() {
	name := w.aFile()
	path, other := filepath.Join(w.dir, name), filepath.Join(w.dir, w.aFile())
	switch w.random.IntN(16) {
	case 0:
		w.write("onbehalf.yaml", w.main())
	case 1:
		os.RemoveAll(path)
	case 2: // over another one, or in two files
		os.Rename(path, other)
	case 3:
		os.Link(path, other)
	case 4: // leads elsewhere
		os.RemoveAll(path)
		os.Symlink(other, path)
	case 5:
		swapped := path + ".swapped"
		os.Rename(path, swapped)
		os.Rename(other, path)
		os.Rename(swapped, other)
	case 6:
		os.RemoveAll(path)
		os.Mkdir(path, 0o755)
	case 7:
		os.Remove(filepath.Join(w.dir, "link.d"))
		os.Symlink(w.oneOf("tenants.d", "others.d"), filepath.Join(w.dir, "link.d"))
	case 8, 9, 10:
		key := w.oneOf(keysOfMain...)
		if w.random.IntN(3) > 0 {
			w.env[key] = w.oneOf(mainValues[key]...)
			maps.Copy(w.env, notAlone[key])
		} else {
			clear(w.env)
		}
	default:
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			os.RemoveAll(path) // or a link that leads nowhere
		}
		w.write(name, w.file())
	}
}

// environ returns the environment as os.Environ does.
func (w *town) environ() (all []string) {
	for key, value := range w.env {
		all = append(all, variableOf(key)+"="+value)
	}
	return all
}

// correct takes out what is wrong: it would soon be wrong everywhere.
func (w *town) correct(all Findings) {
	for _, f := range all {
		switch {
		case f.Level != Error:
		case f.File == filepath.Join(w.dir, "onbehalf.yaml"), f.File == environment:
			clear(w.env)
		default:
			os.RemoveAll(f.File)
		}
	}
}

// TestKeptFiles holds that a load that keeps the files that have not changed comes to what a load
// of all comes to, after any change: the same findings in the same order, and the same tenants.
func TestKeptFiles(t *testing.T) {
	settleAtOnce(t)
	w := &town{t: t, dir: t.TempDir(), random: rand.New(rand.NewPCG(1, 2)), env: map[string]string{}}
	for _, name := range []string{"srs.secrets", "other.secrets"} {
		w.write(name, "0123456789abcdef0123456789abcdef\n")
	}
	w.write("hook.secrets", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
	w.write("onbehalf.yaml", benchMain)
	path := filepath.Join(w.dir, "onbehalf.yaml")
	os.Mkdir(filepath.Join(w.dir, "tenants.d"), 0o755)
	os.Mkdir(filepath.Join(w.dir, "others.d"), 0o755)
	var last *Config
	var accepted, refused, kept, warned int
	changed := make(map[string]int) // accepted loads of which a key was given or taken, and tenants were kept
	was := maps.Clone(w.env)
	for step := range 3000 {
		w.change()
		whole, all := Load(path, w.environ())
		before := beforeOf(t, last)
		conf, findings := LoadBeside(path, w.environ(), before, func() {})
		if !slices.Equal(all, findings) {
			t.Fatalf("step %d: a load of all finds\n%s\none that keeps files\n%s", step, listing(w.dir, all), listing(w.dir, findings))
		}
		if findings.Fatal() {
			refused++
			if w.random.IntN(2) == 0 {
				w.correct(findings)
			}
			continue
		}
		if a, b := dump(whole), dump(conf); a != b {
			t.Fatalf("step %d: a load of all is\n%s\none that keeps files\n%s", step, a, b)
		}
		accepted++
		warned += min(1, len(findings))
		stayed := 0
		for _, one := range conf.Tenants {
			if before.tenant(one.ID) == one {
				stayed++
			}
		}
		kept += stayed
		for _, key := range keysOfMain {
			if was[key] != w.env[key] {
				changed[key]++
			}
		}
		was = maps.Clone(w.env)
		conf.Identify(func(ids []tenant.Identity) []tenant.Identity { return ids })
		last = conf
	}
	t.Log(accepted, "accepted,", refused, "refused,", kept, "tenants kept,", warned, "with warnings", changed)
	if accepted < 1000 || refused < 500 || kept < 2000 || warned < 500 {
		t.Error("too few of a kind")
	}
	for _, key := range keysOfMain {
		if changed[key] == 0 {
			t.Error("no accepted load changes", key)
		}
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

// TestKeptByMain: what the main file decides about a tenant, or lets be found about it, holds for one
// in a file that has not changed too.
func TestKeptByMain(t *testing.T) {
	settleAtOnce(t)
	shadow := map[string]string{"policy.mode": "shadow"}
	for _, test := range []struct {
		tenant         string
		before, change map[string]string
		cause          string
	}{
		{"{id: kept, domains: [kept.example], mode: enforce}", shadow, map[string]string{"platform.dkim": "[]"}, "is enforce, and platform.dkim names no key"},
		{"{id: kept, domains: [kept.example]}", nil, map[string]string{"platform.domains": "courseware.nl kept.example"}, "overlaps with the platform's own domain"},
		{"{id: kept, domains: [kept.example]}", nil, map[string]string{"platform.bounce_domain": "b.kept.example"}, "lies in kept.example"},
		{"{id: kept, domains: [this-domain-is-a-long-one.kept.example]}", map[string]string{"platform.from": "noreply@r.courseware.nl"},
			map[string]string{"platform.from": "{reply}@r.courseware.nl"}, "so {reply} in platform.from"},
		{"{id: kept, domains: [this-domain-is-a-long-one.kept.example]}", map[string]string{"platform.from": "{reply}@r.courseware.nl"},
			map[string]string{"platform.from": "{reply}@s.courseware.nl"}, "From is noreply@s.courseware.nl"},
		{"{id: kept, domains: [kept.example], submitters: {logins: [anna]}}", nil, map[string]string{"platform.submitters.logins": "anna"}, "is also bound to"},
		{"{id: kept, domains: [kept.example], submitters: {logins: [anna]}}", nil, map[string]string{"trust.authenticated": "false"}, "logins do not count"},
		{"{id: kept, domains: [kept.example], submitters: {logins: [anna, anna@x]}}", nil, map[string]string{"trust.realm": "x"}, "is listed twice"},
		{"{id: kept, domains: [kept.example], submitters: {networks: [192.0.2.1]}}", map[string]string{"trust.networks": "192.0.2.0/24"},
			map[string]string{"trust.networks": "198.51.100.0/24"}, "is not trusted"},
		{"{id: kept, domains: [kept.example], return_path: bounce.kept.example}", nil, map[string]string{"platform.bounces_to": "it@bounce.kept.example"}, "is inside the return path of tenant kept"},
		{"{id: kept, domains: [kept.example], bounces_to: it@r.courseware.nl}", nil, map[string]string{"platform.from": "{reply}@r.courseware.nl"}, "where only replies arrive"},
		{"{id: kept, domains: [kept.example], direct: {domains: [kept.example], next_hop: \"[192.0.2.25]:25\"}}", nil, map[string]string{"platform.sending_ips": "192.0.2.25"}, "is this host"},
		{"{id: kept, domains: [kept.example]}", nil, map[string]string{"metrics.tenants": "kept nobody"}, "there is no tenant \"nobody\""},
	} {
		w := &town{t: t, dir: t.TempDir(), env: map[string]string{}}
		maps.Copy(w.env, test.before)
		w.write("srs.secrets", "0123456789abcdef0123456789abcdef\n")
		w.write("onbehalf.yaml", benchMain)
		w.write("tenants.d/a.yaml", "tenants: ["+test.tenant+"]\n")
		path := filepath.Join(w.dir, "onbehalf.yaml")
		last, findings := Load(path, w.environ())
		if findings.Fatal() {
			t.Fatal(test.tenant, findings)
		}
		maps.Copy(w.env, test.change)
		_, all := Load(path, w.environ())
		_, got := LoadBeside(path, w.environ(), beforeOf(t, last), func() {})
		if !slices.Equal(all, got) || !strings.Contains(listing(w.dir, all), test.cause) {
			t.Errorf("%s, and then %v: a load of all finds\n%s\none that keeps files\n%s\nwant %s", test.tenant, test.change, listing(w.dir, all), listing(w.dir, got), test.cause)
		}
	}
}

// TestKeptFileChangesDuringLoad: whenever that is, the findings are those of the file as it was, or
// as it is.
func TestKeptFileChangesDuringLoad(t *testing.T) {
	settleAtOnce(t)
	const one = "  - {id: one, domains: [one.example], submitters: {networks: [192.0.2.1]}}\n"
	const two = "  - {id: two, domains: [two.example], submitters: {networks: [192.0.2.2]}}\n"
	for name, change := range map[string]func(w *town){
		"written again": func(w *town) { w.write("tenants.d/a.yaml", "tenants:\n"+two+one) },
		"removed":       func(w *town) { os.Remove(filepath.Join(w.dir, "tenants.d/a.yaml")) },
	} {
		for at, reached := 1, true; reached; at++ {
			w := &town{t: t, dir: t.TempDir()}
			w.write("srs.secrets", "0123456789abcdef0123456789abcdef\n")
			w.write("onbehalf.yaml", benchMain+"tenants: []\n")
			w.write("tenants.d/a.yaml", "tenants:\n"+one+two)
			path := filepath.Join(w.dir, "onbehalf.yaml")
			last, was := Load(path, nil)
			pauses := 0
			_, got := LoadBeside(path, nil, beforeOf(t, last), func() {
				if pauses++; pauses == at {
					change(w)
				}
			})
			reached = pauses >= at
			is := was
			if reached {
				_, is = Load(path, nil)
			}
			gone := strings.Contains(listing(w.dir, got), "a.yaml: does not exist") // it was listed before
			if !slices.Equal(got, was) && !slices.Equal(got, is) && !gone {
				t.Errorf("%s at pause %d: found is\n%s\nit was\n%s\nand it is\n%s", name, at, listing(w.dir, got), listing(w.dir, was), listing(w.dir, is))
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
