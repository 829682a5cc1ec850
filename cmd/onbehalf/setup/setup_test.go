package setup

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"onbehalf/config"
	"onbehalf/postfix"
)

// good are answers with nothing wrong.
func good() Answers {
	a, _ := Answers{Name: "Courseware", Domain: "courseware.nl", SendingIPs: []string{"80.84.235.70"}}.Complete(Host{})
	return a
}

// TestTextReadsBack: whatever the answers hold, config reads them as they were given.
func TestTextReadsBack(t *testing.T) {
	for _, change := range []func(*Answers){
		func(*Answers) {},
		func(a *Answers) { a.Name = "2024_01" },
		func(a *Answers) { a.Name = "no" },
		func(a *Answers) { a.Name = `O'Reilly & "Söhne": <B.V.> # 1, [x]` },
		func(a *Answers) { a.Name = "~" },
		func(a *Answers) { a.Name = "*a" },
		func(a *Answers) { a.Name = "{{.Domain}}" },
		func(a *Answers) { a.SendingIPs = []string{"80.84.235.70", "2a00:1450::1", "2a00::"} },
		func(a *Answers) { a.Selectors = []string{"2024", "1e3"} },
		func(a *Answers) { a.Selectors = []string{"0x1f", "true"} },
		func(a *Answers) { a.Selectors = []string{"s1.mail", "s2.mail"} },
		func(a *Answers) { a.From = "{local}+{tenant}@via.courseware.nl" },
		func(a *Answers) { a.From = "{reply}@replies.courseware.nl" },
		func(a *Answers) {
			a.Domain, a.From, a.BounceDomain = "münchen.example", "a@münchen.example", "b.münchen.example"
		},
	} {
		a := good()
		change(&a)
		conf, findings := try(a)
		if findings.Fatal() {
			t.Errorf("%+v: %v", a, findings)
			continue
		}
		got := AnswersOf(conf)
		if got.Name != a.Name || got.From != a.From || got.Domain != a.Domain || got.BounceDomain != a.BounceDomain || got.BouncesTo != a.BouncesTo ||
			!slices.Equal(got.SendingIPs, a.SendingIPs) || !slices.Equal(got.Selectors, a.Selectors) {
			t.Errorf("%+v\nwas read as %+v", a, got)
		}
		if conf.Platform.Policy.Mode != "shadow" {
			t.Errorf("mode %q: the first day changes mail", conf.Platform.Policy.Mode)
		}
	}
}

// TestTextIsTheDefault: what the page says beside the answers is what config would take anyway,
// apart from the mode.
func TestTextIsTheDefault(t *testing.T) {
	folder := t.TempDir()
	p := Paths{Config: "/etc/onbehalf/onbehalf.yaml", Keys: "/etc/onbehalf/keys", Tenants: "/etc/onbehalf/tenants.d", Secrets: "/etc/onbehalf/srs.secrets", Sockets: postfix.DefaultQueue + "/onbehalf"}
	least := "platform: {name: Courseware, domain: courseware.nl, from: noreply@courseware.nl, bounce_domain: bounces.courseware.nl, " +
		"bounces_to: postmaster@courseware.nl, sending_ips: [80.84.235.70], dkim: [{selector: ob1, key: courseware.nl-ob1.pem}, {selector: ob2, key: courseware.nl-ob2.pem}]}\n" +
		"policy: {mode: shadow}\ntenants: []\n"
	load := func(name, text string) *config.Config {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		conf, _ := config.Load(path, nil) // that there are no secrets is another matter
		return conf
	}
	full, short := load("full.yaml", p.Text(good())), load("short.yaml", least)
	for what, pair := range map[string][2]string{
		"listen":      {full.Listen[0].String(), short.Listen[0].String()},
		"socketmap":   {full.Socketmap.String(), short.Socketmap.String()},
		"admin":       {full.Admin.String(), short.Admin.String()},
		"state_dir":   {full.StateDir, short.StateDir},
		"keys_dir":    {full.KeysDir, short.KeysDir},
		"tenants_dir": {full.TenantsDir, short.TenantsDir},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %s, and %s by default", what, pair[0], pair[1])
		}
	}
	f, d := full.Platform, short.Platform
	if !reflect.DeepEqual(f.Policy, d.Policy) || !reflect.DeepEqual(f.Trust, d.Trust) || !reflect.DeepEqual(f.Domains, d.Domains) {
		t.Errorf("%+v\nby default it is\n%+v", f, d)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		change func(*Answers)
		flag   string
	}{
		{func(a *Answers) { a.Domain = "co.uk" }, "domain"},
		{func(a *Answers) { a.BounceDomain = "courseware.nl" }, "bounce-domain"},
		{func(a *Answers) { a.BouncesTo = "x@bounces.courseware.nl" }, "bounces-to"},
		{func(a *Answers) { a.From = "x@other.nl" }, "from"},
		{func(a *Answers) { a.SendingIPs = []string{"10.0.0.0/8"} }, "sending-ip"},
		{func(a *Answers) { a.Selectors = []string{"ob1"} }, "selector"},
		{func(a *Answers) { a.Selectors = []string{"ob1", "OB1"} }, "selector"},
		{func(a *Answers) { a.Selectors = []string{"ob1", "../x"} }, "selector"},
		{func(a *Answers) { a.Trusted = []string{"10.0.0.0/33"} }, "trust"},
		{func(a *Answers) { a.Name = "a\nlisten: []" }, "name"},
	} {
		a := good()
		c.change(&a)
		wrong, _ := a.Check()
		if len(wrong) == 0 || wrong[0].Flag != c.flag {
			t.Errorf("%+v: %v, want a word on --%s", a, wrong, c.flag)
		}
	}
	if wrong, warnings := good().Check(); len(wrong)+len(warnings) > 0 {
		t.Errorf("good answers: %v %v", wrong, warnings)
	}
}

func TestDifferences(t *testing.T) {
	there := good()
	for _, c := range []struct {
		given Answers
		want  string
	}{
		{Answers{}, ""},
		{good(), ""},
		{Answers{Domain: "CourseWare.nl", SendingIPs: []string{"::ffff:80.84.235.70"}}, ""},
		{Answers{Selectors: []string{"ob2", "ob1"}}, ""},
		{Answers{Name: "Other"}, "name"},
		{Answers{From: "NoReply@courseware.nl"}, "from"},
		{Answers{From: "noreply@COURSEWARE.nl"}, ""},
		{Answers{Domain: "other.nl"}, "domain"},
		{Answers{Domain: "other.nl", BounceDomain: "bounces.courseware.nl"}, "domain"},
		{Answers{SendingIPs: []string{"80.84.235.70", "80.84.235.71"}}, "sending-ip"},
		{Answers{Selectors: []string{"a", "b"}}, "selector"},
		{Answers{Trusted: []string{"none"}}, ""},
		{Answers{Trusted: []string{"10.0.0.0/8"}}, "trust"},
	} {
		different, err := c.given.Differences(there)
		var flags []string
		for _, d := range different {
			flags = append(flags, d.Flag)
		}
		if err != nil || join(flags) != c.want {
			t.Errorf("%+v: %v %v, want %q", c.given, different, err, c.want)
		}
	}
	if _, err := (Answers{Domain: "a b"}).Differences(there); err == nil {
		t.Error("a domain that is none is taken")
	}
}

func TestPublic(t *testing.T) {
	host := func(addrs ...string) (h Host) {
		for _, a := range addrs {
			h.Addrs = append(h.Addrs, netip.MustParseAddr(a))
		}
		return h
	}
	if got := join(host("10.1.2.3", "80.84.235.70", "fd00::2", "2a00:1450::1", "100.64.0.1").Public()); got != "80.84.235.70, 2a00:1450::1" {
		t.Errorf("offered are %s", got)
	}
	if why := host("192.168.1.5").Behind(); !strings.Contains(why, "192.168.1.5") || !strings.Contains(why, "NAT") {
		t.Errorf("behind a router it says %q", why)
	}
	if _, missing := (Answers{Name: "x", Domain: "x.nl"}).Complete(host("192.168.1.5")); join(missing) != "--sending-ip" {
		t.Errorf("missing %v", missing)
	}
}
