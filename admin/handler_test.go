package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"onbehalf/admin"
	"onbehalf/tenant"
)

func withLocalAddr(ctx context.Context, at net.Addr) context.Context {
	return context.WithValue(ctx, http.LocalAddrContextKey, at)
}

func TestAnswers(t *testing.T) {
	h := newDesk(t, []*tenant.Tenant{customer(t, "one", "one.example")}).handler()
	for _, test := range []struct {
		method, path string
		status       int
		text         string
	}{
		{"GET", "/status", 200, `"total": 1`},
		{"GET", "/status?x=y", 200, `"total": 1`},
		{"HEAD", "/status", 200, ""},
		{"GET", "/tenants/one", 200, `"id": "one"`},
		{"HEAD", "/tenants/one", 200, ""},
		{"GET", "/tenants/two", 404, `there is no tenant \"two\"`},
		{"GET", "/tenants/", 404, `there is no tenant \"\"`},
		{"GET", "/tenants/one/", 404, `there is no tenant \"one/\"`},
		{"GET", "/tenants/%1b%5d%C2%9B", 404, `there is no tenant`},
		{"GET", "/tenants/someone@one.example", 200, `"id": "one"`},
		{"GET", "/tenants/onne", 404, `did you mean one?`},
		{"HEAD", "/tenants/two", 404, ""},
		{"GET", "/observations/One.Example", 200, `"of": "one.example"`},
		{"GET", "/observations/two.example", 404, "no observation of two.example is kept"},
		{"GET", "/observations/%1b", 404, `"error"`},
		{"GET", "/observations/", 404, `"error"`},
		{"GET", "/", 404, "there is nothing here; ask for /status"},
		{"GET", "/status/", 404, "there is nothing here"},
		{"GET", "//status", 404, "there is nothing here"},
		{"GET", "/tenants", 404, "there is nothing here"},
		{"POST", "/status", 405, "only GET and HEAD"},
		{"DELETE", "/tenants/one", 405, "only GET and HEAD"},
		{"OPTIONS", "/status", 405, "only GET and HEAD"},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			answer := get(h, test.method, test.path, "", "unix")
			if answer.Code != test.status || answer.Header().Get("Content-Type") != "application/json" {
				t.Errorf("%d of type %q, want %d", answer.Code, answer.Header().Get("Content-Type"), test.status)
			}
			body := answer.Body.String()
			if test.method == "HEAD" {
				if body != "" || answer.Header().Get("Content-Length") == "" {
					t.Errorf("HEAD is answered %q", body)
				}
				return
			}
			if !json.Valid([]byte(body)) || !strings.Contains(body, test.text) || strings.ContainsAny(body, "\x1b\u009b") {
				t.Errorf("body %q, want JSON with %q", body, test.text)
			}
			if allow := answer.Header().Get("Allow"); (test.status == 405) != (allow == "GET, HEAD") {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
}

// TestHost: over inet, a browser that was sent here under a name of somebody else's is
// not answered. Over a unix socket there are no browsers.
func TestHost(t *testing.T) {
	h := newDesk(t, nil).handler()
	for host, fine := range map[string]bool{
		"127.0.0.1:8465": true, "127.0.0.1": true, "[::1]:8465": true, "[::1]": true, "localhost:8465": true, "LOCALHOST": true, "192.0.2.7:1": true,
		"evil.example:8465": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false, "": false, ":8465": false, "localhost.": false, "x]": false,
	} {
		if got := get(h, "GET", "/status", host, "tcp").Code; got != map[bool]int{true: 200, false: 421}[fine] {
			t.Errorf("Host %q over inet is answered %d", host, got)
		}
		if got := get(h, "GET", "/status", host, "unix").Code; got != 200 {
			t.Errorf("Host %q over a unix socket is answered %d", host, got)
		}
	}
}

// TestLookups: who asks has a tenant looked up, and no web page does.
func TestLookups(t *testing.T) {
	byHand := customer(t, "byhand", "byhand.example")
	byHand.Authorization = tenant.Authorized
	h := newDesk(t, []*tenant.Tenant{customer(t, "one", "one.example"), customer(t, "asked", "asked.example"), byHand}).handler()
	for _, test := range []struct {
		path, network, host, origin string
		code                        int
		want                        string
	}{
		{"/tenants/one/lookups", "unix", "", "", 200, `"one.example"`},
		{"/tenants/one/lookups", "tcp", "127.0.0.1:8465", "", 200, `"one.example"`},
		{"/tenants/one/lookups", "tcp", "127.0.0.1:8465", "http://evil.example", 403, "web pages may not"},
		{"/tenants/one/lookups", "tcp", "evil.example", "", 421, "ask by an IP address"},
		{"/tenants/asked/lookups", "unix", "", "", 429, "the domains of tenant asked were looked up a moment ago; ask again in 13s"},
		{"/tenants/byhand/lookups", "unix", "", "", 409, "authorization: authorized"},
		{"/tenants/two/lookups", "unix", "", "", 404, `there is no tenant \"two\"; there are: one, asked, byhand`},
		{"/tenants/one", "unix", "", "", 405, "only GET and HEAD"},
	} {
		var at net.Addr = &net.UnixAddr{Name: "/x", Net: "unix"}
		if test.network != "unix" {
			at = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8465}
		}
		request := httptest.NewRequest(http.MethodPost, test.path, nil)
		request.Host = test.host
		if test.origin != "" {
			request.Header.Set("Origin", test.origin)
		}
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, request.WithContext(withLocalAddr(request.Context(), at)))
		if answer.Code != test.code || !strings.Contains(answer.Body.String(), test.want) {
			t.Errorf("%s: %d %s, want %d, %s", test.path, answer.Code, answer.Body, test.code, test.want)
		}
	}
}

// TestPagesAskNoDNS: of what a web browser sends, only what its user typed has DNS asked. What costs
// no lookup is answered.
func TestPagesAskNoDNS(t *testing.T) {
	h := newDesk(t, []*tenant.Tenant{customer(t, "one", "one.example")}).handler()
	for _, test := range []struct {
		name, value string
		fine        bool
	}{
		{"Accept", "*/*", true},
		{"Sec-Fetch-Site", "none", true},
		{"Sec-Fetch-Site", "cross-site", false},
		{"Sec-Fetch-Site", "same-site", false}, // another port of this host
		{"Sec-Fetch-Site", "same-origin", false},
		{"Origin", "http://evil.example", false},
		{"Origin", "null", false},
	} {
		for _, path := range []string{"GET /dns/", "GET /dns/one", "HEAD /dns/one", "GET /check/", "GET /check/one", "POST /tenants/one/lookups", "GET /status"} {
			method, path, _ := strings.Cut(path, " ")
			request := httptest.NewRequest(method, path, nil)
			request.Host = "127.0.0.1:8465"
			request.Header.Set(test.name, test.value)
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, request)
			want := http.StatusOK
			if !test.fine && path != "/status" {
				want = http.StatusForbidden
			}
			if answer.Code != want {
				t.Errorf("%s %s with %s: %s: %d %s, want %d", method, path, test.name, test.value, answer.Code, answer.Body, want)
			}
		}
	}
}

func TestFindingsAreBounded(t *testing.T) {
	d := newDesk(t, []*tenant.Tenant{customer(t, "one", "one.example")})
	var findings []admin.Finding
	for i := range 150 {
		findings = append(findings, admin.Finding{Level: "fault", Tenant: "other", Text: fmt.Sprint("finding ", i)})
	}
	findings = append(findings, admin.Finding{Level: "fault", Tenant: "one", Text: "its key"})
	d.daemon.Configuration.Findings = findings
	d.daemon.Reload = &admin.Reload{Findings: findings}
	s := d.status(t)
	if c := s.Configuration; len(c.Findings) != 100 || c.FindingsTotal != 151 {
		t.Errorf("configuration: %d of %d findings", len(c.Findings), c.FindingsTotal)
	}
	if len(s.Reload.Findings) != 100 || s.Reload.FindingsTotal != 151 || len(d.daemon.Reload.Findings) != 151 {
		t.Errorf("reload: %d of %d findings", len(s.Reload.Findings), s.Reload.FindingsTotal)
	}
	var page admin.Tenant
	d.ask(t, "/tenants/one", &page)
	if len(page.Findings) != 1 || page.Findings[0].Text != "its key" || page.Returned.Messages != 3 {
		t.Errorf("page %+v", page)
	}
}

// TestMarshal: what strangers write into DNS does not move the cursor of a terminal,
// and is the same after it was read.
func TestMarshal(t *testing.T) {
	const evil = "a\x00\x1b[2J\x7f\u009b1m\r\n\u202e\u2028\ue000\U000e0001\ufeff é 漢 <&> \xff\\u001b\""
	text, err := admin.Marshal(admin.Error{Text: evil})
	if err != nil {
		t.Fatal(err)
	}
	if !utf8.Valid(text) || strings.ContainsAny(string(text), "\x00\x1b\x7f\u009b\r\u202e\u2028\ue000\U000e0001\ufeff") {
		t.Errorf("%q", text)
	}
	if !strings.Contains(string(text), "é 漢 <&>") {
		t.Errorf("what can be read is escaped: %s", text)
	}
	var back admin.Error
	if err := json.Unmarshal(text, &back); err != nil || back.Text != strings.ToValidUTF8(evil, "\ufffd") {
		t.Errorf("%v: %q", err, back.Text)
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestAskOverSockets(t *testing.T) {
	d := newDesk(t, []*tenant.Tenant{customer(t, "one", "one.example")})
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			address := map[string]string{"unix": t.TempDir() + "/a.sock", "tcp": "127.0.0.1:0"}[network]
			listener, err := net.Listen(network, address)
			if err != nil {
				t.Fatal(err)
			}
			server := admin.Serve("admin", listener, d.handler(), quiet())
			address = listener.Addr().String()
			for range 50 { // no connection is kept
				var s admin.Status
				if err := admin.Ask(network, address, "/status", &s); err != nil || s.Tenants.Total != 1 {
					t.Fatal(err, s)
				}
			}
			var no admin.Error
			if err := admin.Ask(network, address, "/tenants/two", new(admin.Tenant)); !errors.As(err, &no) || !strings.Contains(err.Error(), `"two"`) {
				t.Error(err)
			}
			server.Close()
			if err := admin.Ask(network, address, "/status", new(admin.Status)); err == nil {
				t.Error("answered after the end")
			}
			if _, err := os.Stat(address); network == "unix" && !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the socket stays: %v", err)
			}
		})
	}
}

// TestConnections: whoever connects and says nothing, or half of a question, keeps nobody waiting,
// and nobody keeps a connection.
func TestConnections(t *testing.T) {
	path := t.TempDir() + "/a.sock"
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := admin.Serve("admin", listener, newDesk(t, nil).handler(), quiet())
	defer server.Close()
	dial := func() net.Conn {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	for _, half := range []string{"", "G", "GET /status HTTP/1.1\r\nHost: x\r\n"} {
		for range 100 {
			io.WriteString(dial(), half)
		}
		began := time.Now()
		if err := admin.Ask("unix", path, "/status", new(admin.Status)); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("an answer took %v behind %q", took, half)
		}
	}
	conn := dial()
	fmt.Fprint(conn, "GET /status HTTP/1.1\r\nHost: x\r\n\r\n")
	if text, err := io.ReadAll(conn); err != nil || !strings.Contains(string(text), "Connection: close") {
		t.Errorf("%v: %s", err, text)
	}
}

// TestAnswerIsNotCut: a question that has come is answered, however many connect meanwhile.
func TestAnswerIsNotCut(t *testing.T) {
	path := t.TempDir() + "/a.sock"
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	asked, others := make(chan bool), make(chan bool)
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- true
		<-others
		w.Header().Set("Server", "onbehalf")
		io.WriteString(w, "{}")
	})
	defer admin.Serve("admin", listener, h, quiet()).Close()
	answered := make(chan error, 1)
	go func() { answered <- admin.Ask("unix", path, "/status", new(admin.Status)) }()
	<-asked
	for range 200 {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, "GET")
	}
	close(others)
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestPanicEndsOneAnswer(t *testing.T) {
	path := t.TempDir() + "/a.sock"
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/status" {
			panic("x")
		}
	})
	defer admin.Serve("admin", listener, h, quiet()).Close()
	if err := admin.Ask("unix", path, "/panic", new(admin.Status)); err == nil {
		t.Error("a panic was answered")
	}
	if err := admin.Ask("unix", path, "/status", new(admin.Status)); !errors.Is(err, admin.ErrStranger) {
		t.Error(err)
	}
}

func TestAskStrangers(t *testing.T) {
	for _, test := range []struct {
		name, body string
		status     int
	}{
		{"onbehalf", "", 200}, {"onbehalf", "[]", 200}, {"onbehalf", "{", 200},
		{"onbehalf", "", 404}, {"onbehalf", "{}", 404}, {"onbehalf", `{"error": 1}`, 500},
		{"", "{}", 200}, {"nginx", "{}", 200}, {"nginx", `{"error": "x"}`, 404},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Server", test.name)
			w.WriteHeader(test.status)
			io.WriteString(w, test.body)
		}))
		if err := admin.Ask("tcp", server.Listener.Addr().String(), "/status", new(admin.Status)); !errors.Is(err, admin.ErrStranger) {
			t.Errorf("%v: %v", test, err)
		}
		server.Close()
	}
}

// TestFiles: what the daemon cannot read is asked for at a path of its own.
func TestFiles(t *testing.T) {
	var doc admin.Files
	newDesk(t, nil).ask(t, "/files", &doc)
	if doc.User != "onbehalf" || len(doc.Denied) != 1 || doc.Denied[0] != (admin.Denied{Path: "/key", Error: "permission denied"}) {
		t.Errorf("%+v", doc)
	}
}
