package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"onbehalf/test/peer"
)

const (
	monitoring = "../../packaging/monitoring/"
	promtool   = "/usr/bin/promtool"
)

// alert is one of rules.yaml.
type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	octets, err := os.ReadFile(monitoring + "rules.yaml")
	var rules struct{ Groups []struct{ Rules []alert } }
	if err == nil {
		err = yaml.Unmarshal(octets, &rules)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range rules.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// dashboard returns the expressions of dashboard.json, by their panel.
func dashboard(t *testing.T) map[string][]string {
	t.Helper()
	octets, err := os.ReadFile(monitoring + "dashboard.json")
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err == nil {
		err = json.Unmarshal(octets, &board)
	}
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]string)
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			all[panel.Title] = append(all[panel.Title], target.Expr)
		}
	}
	return all
}

// TestPromtool: a real Prometheus takes the rules, alerts begin when they should, and the
// expressions of the dashboard can be read.
func TestPromtool(t *testing.T) {
	peer.Need(t, promtool)
	promtoolTakes(t, "check", "rules", monitoring+"rules.yaml")
	promtoolTakes(t, "test", "rules", monitoring+"rules.test.yaml")
	var rules bytes.Buffer
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	grafana := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*")
	for _, exprs := range dashboard(t) {
		for _, expr := range exprs {
			encoded, _ := json.Marshal(grafana.Replace(expr)) // YAML takes JSON
			rules.WriteString("  - {record: x, expr: " + string(encoded) + "}\n")
		}
	}
	path := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(path, rules.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	promtoolTakes(t, "check", "rules", "--lint=none", path)
}

func promtoolTakes(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("SUCCESS")) {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

var (
	selector = regexp.MustCompile(`(onbehalf_\w+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`(\w+)(=~|!~|!=|=)"([^"]*)"`)
)

// TestMonitoringNames: each metric that rules and dashboard name, with each value of a label, is on
// the page of a daemon that runs.
func TestMonitoringNames(t *testing.T) {
	t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
	t.Setenv("ONBEHALF_METRICS_TENANTS", "[university]")
	t.Setenv("ONBEHALF_SOCKETMAP", "unix:"+t.TempDir()+"/socketmap.sock")
	d := startServe(t)
	_, page := fetch(t, "unix", d.socket(), "/metrics")
	exprs := 0
	look := func(where, expr string) {
		exprs++
		for _, s := range selector.FindAllStringSubmatch(expr, -1) {
			if fault := missing(page, s[1], s[2]); fault != "" {
				t.Errorf("%s: %s: %s", where, s[0], fault)
			}
		}
	}
	for _, a := range alerts(t) {
		look(a.Alert, a.Expr)
		if s := a.Labels["severity"]; s != "critical" && s != "warning" || a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s: severity, summary or description is missing", a.Alert)
		}
	}
	for panel, all := range dashboard(t) {
		for _, expr := range all {
			look(panel, expr)
		}
	}
	if exprs < 35 {
		t.Errorf("only %d expressions were found", exprs)
	}
	if missing(page, "onbehalf_connections", `use="nothing"`) == "" || missing(page, "onbehalf_nothing", "") == "" {
		t.Error("the test finds what is not there")
	}
}

// missing says what of a selector the page does not have; empty: nothing. Prometheus itself adds
// instance and job.
func missing(page, name, matchers string) string {
	lines := regexp.MustCompile(`(?m)^`+name+`(\{.*\})? .*$`).FindAllString(page, -1)
	if lines == nil {
		return "there is no such metric"
	}
	for _, m := range matcher.FindAllStringSubmatch(matchers, -1) {
		label, values := m[1], strings.Split(m[3], "|")
		if label == "instance" || label == "job" {
			continue
		}
		for _, value := range values {
			if !strings.Contains(strings.Join(lines, "\n"), label+`="`+value+`"`) {
				return label + " is never " + value
			}
		}
	}
	return ""
}
