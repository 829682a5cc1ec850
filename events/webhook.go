package events

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"onbehalf/tenant"
	"onbehalf/term"
)

// Bounds of one try.
const (
	webhookTime     = 15 * time.Second
	webhookParallel = 4
	maxAnswer       = 4 << 10  // bytes of an answer's body that are read
	maxAnswerHeader = 64 << 10 // likewise of its header
	maxShown        = 200      // bytes of it that people see
)

// Webhook is a sink: HTTP POST by Standard Webhooks 1.0 (standardwebhooks.com). Each try has the
// same webhook-id and body, and a time stamp and signatures of its own, one for each secret.
type Webhook struct {
	url     *url.URL
	hidden  []string // parts of the URL that may be secrets, see secretParts
	secrets []tenant.Secret
	agent   string
	client  *http.Client
}

// NewWebhook returns a webhook. The URL is https, or http to a loopback address; the secrets are
// the octets to sign with; agent is what it calls itself. Roots are those of its receiver's
// certificate; nil: the system's.
func NewWebhook(to *url.URL, secrets []tenant.Secret, agent string, roots *x509.CertPool) *Webhook {
	dialer := &net.Dialer{Timeout: webhookTime}
	if to.Scheme == "http" {
		dialer.Control = onlyLoopback
	}
	transport := &http.Transport{ // without Proxy: no variable of the environment leads events elsewhere
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxConnsPerHost:        webhookParallel,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxAnswerHeader,
	}
	client := &http.Client{Transport: transport, Timeout: webhookTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &Webhook{to, secretParts(to), secrets, agent, client}
}

// errNotLocal is of a name like localhost that leads elsewhere.
var errNotLocal = errors.New("it is not on this host, so that it must be https")

// onlyLoopback refuses to speak HTTP without TLS to other hosts, wherever a name leads.
func onlyLoopback(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().Unmap().IsLoopback() {
		return errNotLocal
	}
	return nil
}

// Name is of Sink.
func (w *Webhook) Name() string { return webhookName }

// Target is of Sink: the path may be a secret.
func (w *Webhook) Target() string { return w.url.Scheme + "://" + w.url.Host }

// Same is of Sink. Other secrets to sign with make no other receiver.
func (w *Webhook) Same(other Sink) bool {
	o, ok := other.(*Webhook)
	return ok && w.url.String() == o.url.String()
}

// Parallel is of Sink.
func (w *Webhook) Parallel() int { return webhookParallel }

// Close closes connections that are idle.
func (w *Webhook) Close() { w.client.CloseIdleConnections() }

// Send is of Sink.
func (w *Webhook) Send(ctx context.Context, e Event, body []byte) Answer {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), bytes.NewReader(body))
	if err != nil {
		return Answer{Text: "the URL cannot be used"}
	}
	w.sign(request.Header, e.ID, time.Now(), body)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", w.agent)
	answer, err := w.client.Do(request)
	if err != nil {
		return Answer{Text: w.failure(err)}
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxAnswer)) // what it says beside its status is for people
	return w.judge(answer, text)
}

// sign adds the headers of Standard Webhooks: what is signed is id, time and body.
func (w *Webhook) sign(h http.Header, id string, at time.Time, body []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	var signatures []string
	for _, secret := range w.secrets {
		mac := hmac.New(sha256.New, secret.Octets())
		fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", stamp)
	h.Set("webhook-signature", strings.Join(signatures, " "))
}

// failure says why there was no answer, without the URL: errors of net/http quote the receiver too.
func (w *Webhook) failure(err error) string {
	text := cause(err)
	if repeats(text, w.hidden) {
		return "no valid HTTP answer; what came is not shown, because it repeats the URL"
	}
	return term.Clean(cut(text, maxShown))
}

func cause(err error) string {
	var wrapped *url.Error
	switch {
	case errors.As(err, &wrapped) && wrapped.Timeout():
		return fmt.Sprintf("no answer in %s", webhookTime)
	case wrapped != nil:
		err = wrapped.Err
	}
	return err.Error()
}

// judge says what an answer means. Only 2xx is a yes: who is sent elsewhere would bring events to
// where the operator did not want them. A body that repeats the URL is not shown.
func (w *Webhook) judge(answer *http.Response, body []byte) Answer {
	a := Answer{Text: "HTTP " + strconv.Itoa(answer.StatusCode)}
	if name := http.StatusText(answer.StatusCode); name != "" {
		a.Text += " " + name
	}
	if text := strings.TrimSpace(term.Clean(strings.ToValidUTF8(string(body), "?"))); text != "" && !repeats(string(body), w.hidden) {
		a.Text += ": " + cut(text, maxShown)
	}
	switch code := answer.StatusCode; {
	case code >= 200 && code < 300:
		a.OK = true
	case code == http.StatusBadRequest, code == http.StatusGone:
		a.Never = true
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		a.Pause = retryAfter(answer.Header.Get("Retry-After"), time.Now())
	case code >= 300 && code < 400:
		a.Text += "; redirects are not followed: write the final URL in events.webhook"
	}
	return a
}

// retryAfter reads a Retry-After (RFC 9110 section 10.2.3): seconds, or a date; 0: it says nothing.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(strings.TrimSpace(value), 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxPause)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxPause)
	}
	return 0
}
