package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// free returns an address of loopback at which nothing listens.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// fetch gets a page at a unix socket or at an address.
func fetch(t *testing.T, network, address, path string) (status int, body string) {
	t.Helper()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	answer, err := client.Get("http://localhost" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	octets, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(octets)
}

var metricLine = regexp.MustCompile(`^(onbehalf_[a-z_]+)(\{.*\})? \S+$`)

// namesIn returns the names of our metrics on a page.
func namesIn(page string) (names []string) {
	for line := range strings.Lines(page) {
		if m := metricLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil && !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

// TestMetrics: the running daemon answers the same at both sockets, and counts a message.
func TestMetrics(t *testing.T) {
	address := free(t)
	t.Setenv("ONBEHALF_METRICS_LISTEN", "inet:"+address)
	t.Setenv("ONBEHALF_METRICS_TENANTS", "[university]")
	d, _ := startWatched(t, published())
	if !d.lookedUp(4) {
		t.Fatal("not all domains were looked up: " + d.said())
	}
	d.send("a@university.example")
	if !d.saysSoon("msg=message") {
		t.Fatal("the message is not in the log: " + d.said())
	}
	status, page := fetch(t, "tcp", address, "/metrics")
	if status != 200 {
		t.Fatalf("%d: %s", status, page)
	}
	for _, want := range []string{
		`onbehalf_messages_total{action="keep",result="done",row="3 key"} 1`,
		`onbehalf_messages_total{action="refuse",result="refused",row="10 forbidden"} 0`,
		`onbehalf_tenant_messages_total{action="keep",result="done",tenant="university"} 1`,
		`onbehalf_message_duration_seconds_count 1`, `onbehalf_signing_duration_seconds_count 1`,
		`onbehalf_tenants{delivery="signed"} 1`, `onbehalf_tenants{delivery="platform"} 1`, `onbehalf_tenants{delivery="refused"} 0`,
		`onbehalf_dns_domains 4`, `onbehalf_last_reload_success 1`, `onbehalf_socket_up{socket="metrics"} 1`,
		`onbehalf_limit_max{limit="memory"} 5.36870912e+08`, `onbehalf_limit_max{limit="dns"} 50`, `onbehalf_limit_max{limit="connections"} 1000`,
		"go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(page, want+"\n") && !strings.Contains(page, "\n"+want) {
			t.Errorf("%q is missing", want)
		}
	}
	if n := regexp.MustCompile(`onbehalf_dns_questions_total\{result="found"\} [1-9]`); !n.MatchString(page) {
		t.Errorf("no question to DNS was counted")
	}
	if strings.Contains(page, "yourorg") || strings.Contains(page, "@") || strings.Contains(page, "university.example") {
		t.Errorf("names of tenants or addresses are on the page:\n%s", page)
	}
	if _, beside := fetch(t, "unix", d.socket(), "/metrics"); !slices.Equal(namesIn(beside), namesIn(page)) {
		t.Errorf("the admin socket has %v\nmetrics.listen has %v", namesIn(beside), namesIn(page))
	}
	for _, network := range [][2]string{{"tcp", address}, {"unix", d.socket()}} {
		status, text := fetch(t, network[0], network[1], "/readyz")
		if status != 200 || !strings.Contains(text, "ok configuration: valid, the last reload was accepted\nok signing: the platform's key signs") || !strings.Contains(text, "ok dns: answers\n") {
			t.Errorf("%d: %s", status, text)
		}
		if status, text := fetch(t, network[0], network[1], "/healthz"); status != 200 || text != "ok\n" {
			t.Errorf("%d: %s", status, text)
		}
	}
	if status, _ := fetch(t, "tcp", address, "/status"); status != 404 {
		t.Errorf("/status at metrics.listen: %d", status)
	}
}

// TestUnreadyWithoutDNS: /readyz says so, and after a reload that is refused it says that.
func TestUnreadyWithoutDNS(t *testing.T) {
	d, z := startWatched(t, published())
	if !d.lookedUp(4) {
		t.Fatal("not all domains were looked up: " + d.said())
	}
	d.reload(strings.Replace(d.config(), "platform:", "platfrom:", 1))
	status, text := fetch(t, "unix", d.socket(), "/readyz")
	if status != 200 || !strings.Contains(text, "ok configuration: valid, but the last reload was REFUSED") {
		t.Errorf("%d: %s", status, text)
	}
	z.breakDown()
	if !soon(func() bool { status, text = fetch(t, "unix", d.socket(), "/readyz"); return status == 503 }) || !strings.Contains(text, "FAILED dns: does not answer") {
		t.Errorf("%d: %s", status, text)
	}
	if _, page := fetch(t, "unix", d.socket(), "/metrics"); !strings.Contains(page, "onbehalf_dns_outage 1\n") || !strings.Contains(page, "onbehalf_last_reload_success 0\n") {
		t.Error(page)
	}
}

// TestMetricsTaken: an address that is taken, or is no address, stops no mail.
func TestMetricsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for listen, want := range map[string]string{
		"inet:" + taken.Addr().String(): "no metrics socket: no scraper is answered, mail goes on",
		"inet:192.0.2.1:9465":           "no metrics socket: no scraper is answered, mail goes on",
		"9465":                          "is not a socket, so that no scraper is answered",
	} {
		t.Run(listen, func(t *testing.T) {
			t.Setenv("ONBEHALF_ADMIN", "unix:"+t.TempDir()+"/admin.sock")
			t.Setenv("ONBEHALF_METRICS_LISTEN", listen)
			d := startServe(t)
			if result := d.send("a@university.example"); result.Reply != "" {
				t.Errorf("mail is answered %q", result.Reply)
			}
			d.says(want)
			_, out, _ := d.onbehalf("status")
			if is := strings.Contains(out, fmt.Sprintf("metrics CANNOT BE REACHED at %s", listen)); is != (listen != "9465") {
				t.Error(out)
			}
		})
	}
}

// TestMetricsWithoutConfiguration: a daemon that can only defer mail says so to scrapers, load
// balancers and monitors, at sockets that stay when it can do more.
func TestMetricsWithoutConfiguration(t *testing.T) {
	address := free(t)
	t.Setenv("ONBEHALF_METRICS_LISTEN", "inet:"+address)
	u := startUnconfigured(t, breakMain(t))
	mail := letter("a@university.example")
	u.deferred(u.dial(mail), mail)
	status, text := fetch(t, "tcp", address, "/readyz")
	if status != 503 || !strings.HasPrefix(text, "FAILED configuration: NOT READY") {
		t.Errorf("%d: %s", status, text)
	}
	if status, _ := fetch(t, "tcp", address, "/healthz"); status != 200 {
		t.Errorf("/healthz: %d", status)
	}
	_, page := fetch(t, "tcp", address, "/metrics")
	for _, want := range []string{"onbehalf_ready 0\n", `onbehalf_deferrals_total{reason="configuration"} 1`, `onbehalf_messages_total{action="refuse",result="deferred",row="undecided"} 1`} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing", want)
		}
	}
	u.check(t, 2, "CRITICAL: NOT READY")
	if status := u.reload(u.config()); !strings.Contains(status, "STATUS=ok: 2 tenants") {
		t.Fatal(status)
	}
	u.check(t, 0, "OK: ")
	if _, page := fetch(t, "tcp", address, "/metrics"); !strings.Contains(page, "onbehalf_ready 1\n") || !strings.Contains(page, `onbehalf_socket_up{socket="metrics"} 1`) {
		t.Error(page)
	}
}
