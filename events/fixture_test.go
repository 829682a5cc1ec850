package events

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"onbehalf/store"
	"onbehalf/tenant"
)

// fixture is an outbox whose clock the test moves, and which delivers when the test says so.
type fixture struct {
	*Outbox
	store *store.File
	clock time.Time
	log   *bytes.Buffer
}

func newFixture(t *testing.T, dir string, sinks ...Sink) *fixture {
	t.Helper()
	f := &fixture{log: new(bytes.Buffer), clock: time.Now()}
	log := slog.New(slog.NewTextHandler(f.log, nil))
	var err error
	if f.store, err = store.Open(store.Options{Dir: dir, Log: log}); err != nil {
		t.Fatal(err)
	}
	if f.Outbox, err = Open(f.store, log); err != nil {
		t.Fatal(err)
	}
	f.now = func() time.Time { return f.clock }
	f.Use(sinks...)
	return f
}

func (f *fixture) close(t *testing.T) {
	t.Helper()
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
}

// deliver makes all tries that are due, one after the other, and returns how many.
func (f *fixture) deliver(t *testing.T) (tries int) {
	t.Helper()
	for ; ; tries++ {
		l, one, _ := f.begin()
		if one == nil {
			return tries
		}
		f.Outbox.deliver(t.Context(), l, one)
		if tries > 50_000 {
			t.Fatal("it does not end")
		}
	}
}

// pass moves the clock, in steps, and delivers at each.
func (f *fixture) pass(t *testing.T, d, step time.Duration) (tries int) {
	t.Helper()
	for end := f.clock.Add(d); f.clock.Before(end); {
		f.clock = f.clock.Add(step)
		tries += f.deliver(t)
	}
	return tries
}

func (f *fixture) of(t *testing.T, sink string) Status {
	t.Helper()
	for _, s := range f.Status() {
		if s.Sink == sink {
			return s
		}
	}
	t.Fatalf("no sink %s in %+v", sink, f.Status())
	return Status{}
}

// about is an event of a tenant that tests tell from others by its domain.
func (f *fixture) about(tenant, domain string) Event {
	return NewTenantMoved(f.clock, tenant, domain, "2 key-spf", "6 on-behalf", "its key is gone", true)
}

// received is one POST as the receiver saw it.
type received struct {
	id, stamp, signature, domain, tenant string
	body                                 []byte
	header                               http.Header
}

// receiver is a web server for events.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	all  []received
	says func(received) func(http.ResponseWriter) // nil: 204
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := new(receiver)
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil || q.Method != http.MethodPost {
		http.Error(w, fmt.Sprint(q.Method, err), http.StatusTeapot)
		return
	}
	var e struct {
		Data struct{ Tenant, Domain string }
	}
	json.Unmarshal(body, &e)
	got := received{q.Header.Get("Webhook-Id"), q.Header.Get("Webhook-Timestamp"), q.Header.Get("Webhook-Signature"), e.Data.Domain, e.Data.Tenant, body, q.Header}
	r.mu.Lock()
	r.all = append(r.all, got)
	says := r.says
	r.mu.Unlock()
	if says != nil {
		if answer := says(got); answer != nil {
			answer(w)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) answer(says func(received) func(http.ResponseWriter)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.says = says
}

// always answers everything with a status and a body.
func (r *receiver) always(status int, body string, header ...string) {
	r.answer(func(received) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	})
}

func (r *receiver) got() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received{}, r.all...)
}

// domains returns of what the receiver got the domains, in order; of one tenant, if it is not empty.
func (r *receiver) domains(tenant string) string {
	var all []string
	for _, one := range r.got() {
		if tenant == "" || one.tenant == tenant {
			all = append(all, one.domain)
		}
	}
	return strings.Join(all, " ")
}

const secretText = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // of the specification's examples

func hook(t *testing.T, to string, secrets ...string) *Webhook {
	t.Helper()
	if len(secrets) == 0 {
		secrets = []string{secretText}
	}
	where, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	var keys []tenant.Secret
	for _, text := range secrets {
		octets, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, tenant.NewSecret(octets))
	}
	return NewWebhook(where, keys, "onbehalf/test", nil)
}

// verify is a receiver's part of Standard Webhooks, by the specification alone: the time stamp is
// within five minutes, and one of the signatures, which blanks separate, is of the secret.
func verify(secret string, got received, now time.Time) error {
	seconds, err := strconv.ParseInt(got.stamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return fmt.Errorf("time stamp %q", got.stamp)
	}
	encoded, found := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !found {
		return fmt.Errorf("secret: %v", err)
	}
	signed := append([]byte(got.id+"."+got.stamp+"."), got.body...)
	want := hmac.New(sha256.New, key)
	want.Write(signed)
	for _, one := range strings.Split(got.signature, " ") {
		version, text, _ := strings.Cut(one, ",")
		have, err := base64.StdEncoding.DecodeString(text)
		if version == "v1" && err == nil && hmac.Equal(have, want.Sum(nil)) {
			return nil
		}
	}
	return fmt.Errorf("no signature of %q is right", got.signature)
}
