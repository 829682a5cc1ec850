package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onbehalf/config"
)

// TestLoadRest: what is wrong with tenants leaves out those, and nothing else.
func TestLoadRest(t *testing.T) {
	many := "tenants:\n"
	for range 300 {
		many += "  - {id: UPPER, nonsense: 1}\n"
	}
	for name, c := range map[string]struct {
		more  string            // of the main file
		files map[string]string // in tenants.d
		want  string            // ids
		fatal bool
		says  string
	}{
		"nothing wrong":       {"", nil, "main one", false, ""},
		"not YAML":            {"", map[string]string{"b.yaml": "tenants: ["}, "main one", false, "b.yaml: is not YAML"},
		"no tenants":          {"", map[string]string{"b.yaml": "x: 1\n"}, "main one", false, "b.yaml: tenants: is missing"},
		"one of a file":       {"", map[string]string{"b.yaml": "tenants:\n  - {id: bad, domains: [\"a b\"]}\n  - {id: good, domains: [good.example]}\n"}, "main one good", false, "tenant bad"},
		"without an id":       {"", map[string]string{"b.yaml": "tenants:\n  - {domains: [x.example]}\n  - {id: good, domains: [good.example]}\n"}, "main one good", false, "tenants[0]"},
		"a domain of another": {"", map[string]string{"b.yaml": "tenants:\n  - {id: thief, domains: [one.example]}\n"}, "main one", false, "tenant thief"},
		"an id twice":         {"", map[string]string{"b.yaml": "tenants:\n  - {id: one, domains: [b.example]}\n"}, "main one", false, "b.yaml"},
		"very much":           {"", map[string]string{"b.yaml": many, "c.yaml": many}, "main one", false, "nonsense"},
		"the main file":       {"platfrom: {}\n", nil, "main one", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			write := func(file, text string) {
				if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Mkdir(filepath.Join(folder, "tenants.d"), 0o700); err != nil {
				t.Fatal(err)
			}
			write("srs.secrets", "a secret for tests only\n")
			write("tenants.d/a.yaml", "tenants:\n  - {id: one, domains: [one.example]}\n")
			for file, text := range c.files {
				write("tenants.d/"+file, text)
			}
			write("onbehalf.yaml", `platform:
  name: Courseware
  domain: courseware.nl
  from: noreply@courseware.nl
  bounce_domain: bounces.courseware.nl
  bounces_to: postmaster@courseware.nl
  sending_ips: [80.84.235.70]
  dkim: [{selector: cw1, key: courseware-cw1.pem}]
srs: {secrets: srs.secrets}
tenants_dir: tenants.d
tenants:
  - {id: main, domains: [main.example]}
`+c.more)
			conf, findings, broken := config.LoadRest(filepath.Join(folder, "onbehalf.yaml"), nil)
			var ids []string
			for _, one := range conf.Tenants {
				ids = append(ids, one.ID)
			}
			if got := strings.Join(ids, " "); got != c.want || findings.Fatal() != c.fatal {
				t.Errorf("loaded %q, want %q; %v", got, c.want, findings)
			}
			if text := fmt.Sprint(broken); (len(broken) == 0) != (c.says == "") || !strings.Contains(text, c.says) {
				t.Errorf("%.500s; want %q", text, c.says)
			}
		})
	}
}
