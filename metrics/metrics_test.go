package metrics

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"onbehalf/admin"
	"onbehalf/authorize/resolve"
	"onbehalf/milter"
)

var update = flag.Bool("update", false, "write the tables of docs/metrics.md")

// source is of a daemon that has just started, with all sockets.
func source() Source {
	status := admin.Status{Daemon: admin.Daemon{Now: time.Now(), Started: time.Now()}}
	for _, name := range []string{"milter", "socketmap", "admin", "metrics"} {
		status.Sockets = append(status.Sockets, admin.Socket{Name: name})
	}
	for _, name := range admin.LimitNames {
		status.Limits = append(status.Limits, admin.Limit{Name: name, Used: 1, Most: 4})
	}
	return Source{Version: "1", Tally: new(milter.Tally), Questions: new(resolve.Counts).Each,
		Status: func() (admin.Status, error) { return status, nil }}
}

// gather returns our own metrics.
func gather(t testing.TB, s Source) (ours []*dto.MetricFamily) {
	t.Helper()
	all, err := New(s).Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if strings.HasPrefix(f.GetName(), "onbehalf_") {
			ours = append(ours, f)
		}
	}
	return ours
}

// TestLint: names, types and help are as Prometheus wants them.
func TestLint(t *testing.T) {
	s := source()
	s.Tally.Follow([]string{"university"})
	problems, err := testutil.GatherAndLint(New(s))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestFromTheStart: each combination of the values of closed lists is there as 0, so that a rate
// over the first message is none that was missed.
func TestFromTheStart(t *testing.T) {
	s := source()
	s.Tally.Follow([]string{"university"})
	families := gather(t, s)
	if len(families) < 35 {
		t.Errorf("only %d metrics", len(families))
	}
	for _, f := range families {
		combinations := 1
		for _, values := range labelsOf(f) {
			combinations *= len(values)
		}
		want := combinations
		if f.GetName() == "onbehalf_signatures_total" {
			want = 2 * len(milter.SignatureKinds) // OpenSSL makes no Ed25519
		}
		if len(f.Metric) != want {
			t.Errorf("%s has %d series, and its labels make %d", f.GetName(), len(f.Metric), want)
		}
		for _, m := range f.Metric {
			if f.GetType() == dto.MetricType_COUNTER && m.GetCounter().GetValue() != 0 || m.GetHistogram().GetSampleCount() != 0 {
				t.Errorf("%s does not begin at 0: %s", f.GetName(), m)
			}
		}
	}
}

// labelsOf returns the values of each label, sorted.
func labelsOf(f *dto.MetricFamily) map[string][]string {
	all := make(map[string][]string)
	for _, m := range f.Metric {
		for _, l := range m.Label {
			if !slices.Contains(all[l.GetName()], l.GetValue()) {
				all[l.GetName()] = append(all[l.GetName()], l.GetValue())
			}
		}
	}
	return all
}

// TestContract: docs/metrics.md lists each metric, and each value of each label.
func TestContract(t *testing.T) {
	const path, begin, end = "../docs/metrics.md", "<!-- listed -->\n", "<!-- end -->\n"
	octets, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(octets), begin)
	listed, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatalf("%s has no list between %q and %q", path, begin, end)
	}
	s := source()
	s.Tally.Follow([]string{"ID"})
	want := list(gather(t, s))
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if listed != want {
		t.Errorf("%s lists\n%s\nthe daemon has\n%s\ngo test ./metrics -update writes that; names that are gone break rules and dashboards", path, listed, want)
	}
}

func list(families []*dto.MetricFamily) string {
	var b strings.Builder
	b.WriteString("| metric | type | says |\n| --- | --- | --- |\n")
	values := make(map[string]bool)
	for _, f := range families {
		labels := labelsOf(f)
		name := f.GetName()
		if len(labels) > 0 {
			name += "{" + strings.Join(slices.Sorted(maps.Keys(labels)), ", ") + "}"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, strings.ToLower(f.GetType().String()), f.GetHelp())
		for label, of := range labels {
			if f.GetName() != "onbehalf_build_info" && label != "tenant" {
				values[fmt.Sprintf("| `%s` of `%s` | %s |\n", label, f.GetName(), "`"+strings.Join(of, "` `")+"`")] = true
			}
		}
	}
	b.WriteString("\n| label | values |\n| --- | --- |\n")
	for _, line := range slices.Sorted(maps.Keys(values)) {
		b.WriteString(line)
	}
	return b.String()
}

// TestUnreadableStatus: what was counted is answered even when there is no status, and what
// stops that is logged.
func TestUnreadableStatus(t *testing.T) {
	s := source()
	s.Status = func() (admin.Status, error) { return admin.Status{}, errors.New("the table is torn") }
	var log strings.Builder
	answer := httptest.NewRecorder()
	Page(New(s), slog.New(slog.NewTextHandler(&log, nil))).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	if body := answer.Body.String(); answer.Code != 200 || !strings.Contains(body, `onbehalf_messages_total{action="keep",result="done",row="1 key-path"} 0`) ||
		strings.Contains(body, "onbehalf_connections{") {
		t.Errorf("%d:\n%s", answer.Code, body)
	}
	if !strings.Contains(log.String(), "the table is torn") {
		t.Errorf("log: %s", &log)
	}
}

// TestOthers: another package's metrics stand beside ours.
func TestOthers(t *testing.T) {
	events := prometheus.NewCounter(prometheus.CounterOpts{Name: "onbehalf_other_total", Help: "Others."})
	n, err := testutil.GatherAndCount(New(source(), events), "onbehalf_other_total", "onbehalf_build_info")
	if n != 2 || err != nil {
		t.Errorf("%d series: %v", n, err)
	}
}

// TestValues: numbers stand where they belong.
func TestValues(t *testing.T) {
	s := source()
	status, _ := s.Status()
	status.Reload = &admin.Reload{OK: false, At: time.Unix(1_800_000_000, 500_000_000)}
	status.DNS = admin.DNS{Oldest: status.Now.Add(-time.Minute), PausedUntil: status.Now, Unsaved: "disk full"}
	status.Connections = admin.Connections{Open: 7, InMessage: 3}
	status.Sockets = []admin.Socket{{Name: "milter"}, {Name: "milter", Problem: "removed"}, {Name: "admin"}}
	status.Tenants.By = map[admin.Delivery]int{admin.BySPF: 4}
	s.Status = func() (admin.Status, error) { return status, nil }
	const want = `
# HELP onbehalf_connections Connections of Postfix to the milter, by what they are busy with.
# TYPE onbehalf_connections gauge
onbehalf_connections{use="idle"} 4
onbehalf_connections{use="message"} 3
# HELP onbehalf_dns_oldest_answer_age_seconds Age of the oldest of the last answers, one for each domain. 0: there is none.
# TYPE onbehalf_dns_oldest_answer_age_seconds gauge
onbehalf_dns_oldest_answer_age_seconds 60
# HELP onbehalf_dns_outage Whether DNS does not answer, or is not believed, so that standings stay as they are: 1 or 0.
# TYPE onbehalf_dns_outage gauge
onbehalf_dns_outage 1
# HELP onbehalf_last_reload_success Whether the last reload was accepted: 1, also when there was none, or 0.
# TYPE onbehalf_last_reload_success gauge
onbehalf_last_reload_success 0
# HELP onbehalf_last_reload_timestamp_seconds When the last reload, or the start, was tried.
# TYPE onbehalf_last_reload_timestamp_seconds gauge
onbehalf_last_reload_timestamp_seconds 1.8000000005e+09
# HELP onbehalf_limit_used_ratio The share of a limit that is used. 1 is all of it.
# TYPE onbehalf_limit_used_ratio gauge
onbehalf_limit_used_ratio{limit="connections"} 0.25
onbehalf_limit_used_ratio{limit="dns"} 0.25
onbehalf_limit_used_ratio{limit="memory"} 0.25
onbehalf_limit_used_ratio{limit="store"} 0.25
# HELP onbehalf_socket_up Whether a socket can be reached: 1 or 0.
# TYPE onbehalf_socket_up gauge
onbehalf_socket_up{socket="admin"} 1
onbehalf_socket_up{socket="milter"} 0
# HELP onbehalf_store_failing Whether state cannot be saved: 1 or 0.
# TYPE onbehalf_store_failing gauge
onbehalf_store_failing 1
`
	if err := testutil.GatherAndCompare(New(s), strings.NewReader(want), "onbehalf_connections", "onbehalf_dns_oldest_answer_age_seconds", "onbehalf_dns_outage",
		"onbehalf_last_reload_success", "onbehalf_last_reload_timestamp_seconds", "onbehalf_limit_used_ratio", "onbehalf_socket_up", "onbehalf_store_failing"); err != nil {
		t.Error(err)
	}
}

// BenchmarkScrape is a scrape without the status.
func BenchmarkScrape(b *testing.B) {
	page := Page(New(source()), slog.New(slog.NewTextHandler(io.Discard, nil)))
	for b.Loop() {
		page.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/metrics", nil))
	}
}
