package events

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestStandardWebhooks: what arrives is signed as the specification says, by each of two secrets, and
// is JSON with the keys that it recommends.
func TestStandardWebhooks(t *testing.T) {
	r := newReceiver(t)
	const other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDxxxxxxxxxxxx"
	f := newFixture(t, t.TempDir(), hook(t, r.URL+"/path?query", secretText, other))
	defer f.close(t)
	f.Notice(f.about("university", "university.example"))
	f.deliver(t)
	if len(r.got()) != 1 {
		t.Fatalf("%d arrived", len(r.got()))
	}
	got := r.got()[0]
	for _, secret := range []string{secretText, other} {
		if err := verify(secret, got, time.Now()); err != nil {
			t.Error(err)
		}
	}
	if verify("whsec_"+strings.Repeat("A", 32), got, time.Now()) == nil {
		t.Error("another secret verifies as well")
	}
	altered := got
	altered.body = append([]byte(" "), got.body...)
	if verify(secretText, altered, time.Now()) == nil {
		t.Error("another body verifies as well")
	}
	if kind := got.header.Get("Content-Type"); kind != "application/json" {
		t.Error(kind)
	}
	var e struct {
		Type      string
		Timestamp time.Time
		Data      map[string]any
	}
	if err := json.Unmarshal(got.body, &e); err != nil || e.Type != "tenant.moved" || e.Timestamp.IsZero() || e.Data["tenant"] != "university" {
		t.Errorf("%v: %s", err, got.body)
	}
}

// TestEachTryIsNew: tries of one event have its id and body, and a time stamp and signature of
// their own.
func TestEachTryIsNew(t *testing.T) {
	r := newReceiver(t)
	r.always(http.StatusInternalServerError, "no\n\x1b[2J\u202e disk")
	f := newFixture(t, t.TempDir(), hook(t, r.URL))
	defer f.close(t)
	f.Notice(f.about("a", "a.example"))
	f.deliver(t)
	if s := f.of(t, "webhook"); s.Queued != 1 || !strings.HasPrefix(s.Problem, "HTTP 500 Internal Server Error: no") || strings.ContainsAny(s.Problem, "\x1b\n\u202e") {
		t.Errorf("%+v", s)
	}
	time.Sleep(1100 * time.Millisecond) // time stamps are whole seconds
	r.answer(nil)
	f.pass(t, 10*time.Second, time.Second)
	got := r.got()
	if len(got) != 2 {
		t.Fatalf("%d arrived", len(got))
	}
	if got[0].id != got[1].id || string(got[0].body) != string(got[1].body) {
		t.Error("the second try is another event")
	}
	if got[0].stamp == got[1].stamp || got[0].signature == got[1].signature {
		t.Error("the second try has the stamp or signature of the first")
	}
	for _, one := range got {
		if err := verify(secretText, one, time.Now()); err != nil {
			t.Error(err)
		}
	}
	if s := f.of(t, "webhook"); s.Queued != 0 || s.Problem != "" || !s.Oldest.IsZero() {
		t.Errorf("%+v", s)
	}
}

// TestAnswers: what each answer means.
func TestAnswers(t *testing.T) {
	elsewhere := newReceiver(t)
	r := newReceiver(t)
	w := hook(t, r.URL)
	long := strings.Repeat("é", 1<<20)
	for _, c := range []struct {
		status int
		body   string
		header []string
		want   Answer
		text   string
	}{
		{status: 200, want: Answer{OK: true}, text: "HTTP 200 OK"},
		{status: 202, body: "queued", want: Answer{OK: true}, text: "HTTP 202 Accepted: queued"},
		{status: 302, header: []string{"Location", elsewhere.URL}, text: "HTTP 302 Found; redirects are not followed: write the final URL in events.webhook"},
		{status: 307, header: []string{"Location", elsewhere.URL}, text: "HTTP 307 Temporary Redirect; redirects are not followed: write the final URL in events.webhook"},
		{status: 400, want: Answer{Never: true}, text: "HTTP 400 Bad Request"},
		{status: 401, text: "HTTP 401 Unauthorized"},
		{status: 410, want: Answer{Never: true}, text: "HTTP 410 Gone"},
		{status: 429, want: Answer{}, text: "HTTP 429 Too Many Requests"},
		{status: 429, header: []string{"Retry-After", "90"}, want: Answer{Pause: 90 * time.Second}, text: "HTTP 429 Too Many Requests"},
		{status: 503, header: []string{"Retry-After", "999999999"}, want: Answer{Pause: maxPause}, text: "HTTP 503 Service Unavailable"},
		{status: 503, header: []string{"Retry-After", "-5"}, text: "HTTP 503 Service Unavailable"},
		{status: 500, body: long, text: "HTTP 500 Internal Server Error: " + strings.Repeat("é", maxShown/2) + "..."},
		{status: 599, body: "\x00\xff", text: "HTTP 599: ??"},
	} {
		r.always(c.status, c.body, c.header...)
		got := w.Send(t.Context(), Event{ID: "evt_1"}, []byte("{}"))
		if got.Text != c.text && !(c.status == 599 && strings.HasPrefix(got.Text, "HTTP 599: ")) {
			t.Errorf("%d: %q, want %q", c.status, got.Text, c.text)
		}
		if got.Text = ""; got != c.want {
			t.Errorf("%d: %+v, want %+v", c.status, got, c.want)
		}
	}
	if len(elsewhere.got()) != 0 {
		t.Error("a redirect was followed")
	}
}

// TestAnswerRepeatsURL: a body that holds the URL's path, a segment of it or its query is not
// shown, however it is escaped, even if that part lies beyond the bytes that people see.
func TestAnswerRepeatsURL(t *testing.T) {
	r := newReceiver(t)
	w := hook(t, r.URL+"/in/S%C3%A9cret-Token/x?key=a%2Bb%26c&of=me")
	const bare = "HTTP 404 Not Found"
	for body, want := range map[string]string{
		"Cannot POST /in/S%C3%A9cret-Token/x?key=a%2Bb%26c&of=me":                  bare,
		"Cannot POST /in/Sécret-Token/x":                                           bare,
		"Cannot POST /in/s%c3%a9cret-token/x":                                      bare,
		"<pre>Cannot POST &#x2F;in&#x2F;S&eacute;cret-Token&#x2F;x</pre>":          bare,
		`{"path":"\/in\/S\u00e9cret-Token\/x","query":"key=a%2Bb%26c\u0026of=me"}`: bare,
		"no route for Sécret-Token":                                                bare,
		"query key=a%2Bb%26c&amp;of=me":                                            bare,
		"query key=a+b&c&of=me":                                                    bare,
		"the key a%2Bb%26c is wrong":                                               bare,
		strings.Repeat("x", 2000) + "/in/S%C3%A9cret-Token/x":                      bare,
		"no such page":          bare + ": no such page",
		"in /internal, x of me": bare + ": in /internal, x of me",
	} {
		r.always(http.StatusNotFound, body)
		if a := w.Send(t.Context(), Event{ID: "evt_1"}, []byte("{}")); a.Text != want {
			t.Errorf("%q: %q, want %q", body, a.Text, want)
		}
	}
	r.always(http.StatusNotFound, "a page / of ours")
	if a := hook(t, r.URL+"/").Send(t.Context(), Event{ID: "evt_1"}, []byte("{}")); a.Text != bare+": a page / of ours" {
		t.Errorf("without a path: %q", a.Text)
	}
}

// TestRetryAfterDate reads the other form.
func TestRetryAfterDate(t *testing.T) {
	now := time.Now()
	for value, want := range map[string]time.Duration{
		now.Add(time.Hour).UTC().Format(http.TimeFormat):  time.Hour,
		now.Add(-time.Hour).UTC().Format(http.TimeFormat): 0,
		"": 0, "soon": 0, "1.5": 0, " 7 ": 7 * time.Second,
	} {
		if got := retryAfter(value, now); (got - want).Abs() > time.Second {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

// TestNoAnswer: receivers that are not there, say no HTTP, answer late, or without an end.
func TestNoAnswer(t *testing.T) {
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		io.Copy(io.Discard, q.Body)
		if q.URL.Path == "/endless" {
			w.WriteHeader(http.StatusInternalServerError)
			for i := 0; i < 1000 && q.Context().Err() == nil; i++ {
				w.Write(make([]byte, 4096))
			}
			return
		}
		<-q.Context().Done()
	}))
	defer late.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			text := make([]byte, 4096)
			n, _ := c.Read(text)
			c.Write(text[:n])
			c.Close()
		}
	}()
	const path = "/hidden-path?hidden=query"
	for to, want := range map[string]string{
		late.URL:                                "no answer in ",
		late.URL + "/endless":                   "HTTP 500 Internal Server Error",
		late.URL + path:                         "no answer in ",
		gone.URL + path:                         "connection refused",
		"http://" + echo.Addr().String() + path: "no valid HTTP answer",
		strings.Replace(late.URL, "http", "https", 1) + path: "server gave HTTP response to HTTPS client",
	} {
		w := hook(t, to+"")
		w.client.Timeout = 500 * time.Millisecond
		begun := time.Now()
		a := w.Send(t.Context(), Event{}, []byte("{}"))
		if a.OK || !strings.Contains(a.Text, want) || strings.Contains(a.Text, to) || strings.Contains(a.Text, "hidden") || time.Since(begun) > 5*time.Second {
			t.Errorf("%s: %+v after %s, want %q", to, a, time.Since(begun), want)
		}
	}
}

// TestOverTLS: the receiver must show a certificate that we know.
func TestOverTLS(t *testing.T) {
	r := new(receiver)
	server := httptest.NewTLSServer(r)
	defer server.Close()
	where, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if a := NewWebhook(where, nil, "onbehalf", roots).Send(t.Context(), Event{}, []byte("{}")); !a.OK {
		t.Errorf("%+v", a)
	}
	if a := hook(t, server.URL).Send(t.Context(), Event{}, []byte("{}")); a.OK || !strings.Contains(a.Text, "certificate") {
		t.Errorf("of an unknown authority: %+v", a)
	}
	if len(r.got()) != 1 {
		t.Errorf("%d arrived", len(r.got()))
	}
}

// TestOnlyLoopback: HTTP without TLS goes to no other host, whatever a name says, and no proxy of the
// environment gets to see it.
func TestOnlyLoopback(t *testing.T) {
	proxy := newReceiver(t)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	if a := hook(t, "http://192.0.2.1:9/").Send(t.Context(), Event{}, nil); a.OK || !strings.Contains(a.Text, "must be https") {
		t.Errorf("%+v", a)
	}
	for address, fine := range map[string]bool{"127.0.0.1:80": true, "127.9.9.9:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		"192.0.2.1:80": false, "[2001:db8::1]:80": false, "x": false} {
		if (onlyLoopback("tcp", address, nil) == nil) != fine {
			t.Errorf("%s: %v", address, !fine)
		}
	}
	if len(proxy.got()) != 0 {
		t.Error("the proxy was asked")
	}
}
