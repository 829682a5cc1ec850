// Package test walks mail through the whole house: a client, a real Postfix with
// the example configuration, onbehalf as its milter, the next hop, and verifiers
// that others wrote.
package test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/milter"
	"onbehalf/rewrite"
	"onbehalf/socket"
	"onbehalf/tenant"
	"onbehalf/test/cases"
	"onbehalf/test/nameserver"
	"onbehalf/test/peer"
	"onbehalf/test/postfix"
	"onbehalf/test/verify"
)

// house is everything between the client and the next hop.
type house struct {
	postfix    *postfix.Instance
	sink       *postfix.Sink
	nameserver *nameserver.Server
	server     *milter.Server
	state      atomic.Pointer[cases.Generation]
	log        logBuffer
	farAddr    string // of a second Postfix, for the tests that have one
}

// build starts a house with the cast's keys in DNS.
func build(t testing.TB) *house {
	t.Helper()
	return buildWith(t, func(string) string { return "" })
}

// buildWith adds settings to main.cf, which may name the address of a second Postfix.
func buildWith(t testing.TB, settings func(far string) string) *house {
	t.Helper()
	far := peer.FreeAddr(t)
	return buildBehind(t, far, postfix.Options{Main: settings(far)})
}

// buildBehind starts a house whose Postfix differs by these options.
func buildBehind(t testing.TB, far string, options postfix.Options) *house {
	t.Helper()
	return buildServing(t, far, options, milter.Limits{})
}

// buildServing starts a house whose milter has these limits.
func buildServing(t testing.TB, far string, options postfix.Options, limits milter.Limits) *house {
	t.Helper()
	h := &house{sink: postfix.StartSink(t, "8BITMIME", "SIZE", "SMTPUTF8"), farAddr: far}
	options.NextHop, options.Main = h.sink.Addr, mainCF(t)+options.Main
	h.postfix = postfix.Start(t, options)
	h.nameserver = nameserver.Start(t, records(t)...)
	h.server = &milter.Server{
		Current: func() milter.Source { return h.state.Load() },
		Log:     slog.New(slog.NewTextHandler(&h.log, nil)),
		Now:     func() time.Time { return cases.Now },
		Limits:  limits,
	}
	listener, err := socket.Listen("unix", filepath.Join(h.postfix.QueueDir, "onbehalf", "milter.sock"))
	if err != nil {
		t.Fatal(err)
	}
	go listener.Watch(h.server.Log)
	go h.server.Serve(listener)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := h.server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("onbehalf's log:\n%s", h.log.String())
		}
	})
	return h
}

// logBuffer is a log that a test may read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// mainCF is the example configuration as it is shipped, with any client let relay.
// Postfix completes the headers of clients on its own host (local_header_rewrite_clients),
// and takes all ours for such, for XCLIENT does not change that. These are not.
func mainCF(t testing.TB) string {
	t.Helper()
	example, err := os.ReadFile("../postfix.example.cf")
	if err != nil {
		t.Fatal(err)
	}
	return string(example) + "\nmynetworks = 0.0.0.0/0\nlocal_header_rewrite_clients =\n"
}

// records publishes the cast's keys. All share them, so the records of the one
// instance of the cast speak for all others.
func records(t testing.TB) []string {
	t.Helper()
	var lines []string
	for name, record := range cases.NewCast(t).Records(t) {
		lines = append(lines, nameserver.TXT(name, record))
	}
	return lines
}

// play makes the case's tenants and standings those of the house.
func (h *house) play(c cases.Case) {
	h.state.Store(&cases.Generation{Tenants: c.Table, Keys: c.Keys, Addresses: true})
}

// dial opens a session of the case's client.
func (h *house) dial(t testing.TB, m message.Message) *postfix.Client {
	t.Helper()
	client := postfix.Dial(t, h.postfix.SMTPAddr)
	attributes := "ADDR=" + m.Submitter.Client.String()
	if m.Submitter.Login != "" {
		attributes += " LOGIN=" + m.Submitter.Login
	}
	client.XClient(attributes)
	return client
}

// send hands in the case's message.
func send(c *postfix.Client, m message.Message, octets []byte) postfix.Reply {
	sender := m.Envelope.ReversePath.String()
	if m.Envelope.SMTPUTF8 {
		sender += " SMTPUTF8"
	}
	if reply := c.Do("MAIL FROM:" + sender); !reply.OK() {
		return reply
	}
	for _, to := range m.Envelope.ForwardPaths {
		if reply := c.Do("RCPT TO:" + to.String()); !reply.OK() {
			return reply
		}
	}
	return c.Data(octets)
}

// delivered is a message at the next hop, taken apart.
type delivered struct {
	postfix.Delivery
	signatures message.Header
	queueID    string
	header     message.Header // below the Received field of our Postfix
	body       []byte
}

var queueIDs = regexp.MustCompile(`id ([0-9A-Za-z]+)`)

// take reads a delivery: signatures first, then our Postfix's Received, then what
// the client sent or the plan made of it.
func take(t *testing.T, d postfix.Delivery) delivered {
	t.Helper()
	reader := message.NewReader(bytes.NewReader(d.Data))
	header, err := message.ReadHeader(reader)
	if err != nil {
		t.Fatalf("delivered message: %v\n%s", err, d.Data)
	}
	got := delivered{Delivery: d}
	for len(header) > 0 && header[0].Is("DKIM-Signature") {
		got.signatures, header = append(got.signatures, header[0]), header[1:]
	}
	if len(header) == 0 || !header[0].Is("Received") {
		t.Fatalf("no Received field below the signatures:\n%s", d.Data)
	}
	if id := queueIDs.FindStringSubmatch(header[0].Text()); id != nil {
		got.queueID = id[1]
	}
	got.header = header[1:]
	var body bytes.Buffer
	reader.WriteTo(&body)
	got.body = body.Bytes()
	return got
}

// compare holds what arrived against what the plan predicts.
func (h *house) compare(t *testing.T, got delivered, m message.Message, body []byte) {
	t.Helper()
	m.QueueID = got.queueID
	plan := rewrite.Decide(m, h.state.Load().Tenants.Snapshot())
	sender, want := plan.Sender(m).Verbatim, plan.Apply(m.Header)
	if plan.Shadow {
		sender, want, plan.Sign = m.Envelope.ReversePath.Verbatim, m.Header, nil
	}
	if got.ReversePath != sender {
		t.Errorf("reverse-path %q, want %q", got.ReversePath, sender)
	}
	if to := recipients(plan, m); !slices.Equal(slices.Sorted(slices.Values(got.ForwardPaths)), to) {
		t.Errorf("recipients %q, want %q", got.ForwardPaths, to)
	}
	if got.header.String() != want.String() {
		t.Errorf("header:\n%s\nwant:\n%s", got.header, want)
	}
	if wire := ended(body); !bytes.Equal(got.body, wire) {
		t.Errorf("body %q, want %q", got.body, wire)
	}
	if len(got.signatures) != len(plan.Sign) {
		t.Errorf("%d signatures, want %d", len(got.signatures), len(plan.Sign))
	}
	if len(plan.Sign) > 0 {
		h.verify(t, got.Data, plan.Sign)
	}
}

// recipients gives those that the message leaves with, sorted.
func recipients(plan rewrite.Plan, m message.Message) []string {
	var all []string
	for _, to := range m.Envelope.ForwardPaths {
		left := to.Verbatim
		for _, x := range plan.Redirects {
			if x.Recipient == to.Verbatim {
				left = x.To.String()
			}
		}
		all = append(all, left)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// ended is a body as DATA leaves it: its last line has an end.
func ended(body []byte) []byte {
	if len(body) == 0 || bytes.HasSuffix(body, []byte("\r\n")) {
		return body
	}
	return append(bytes.Clone(body), "\r\n"...)
}

// verify asks every verifier about every signature of ours.
func (h *house) verify(t *testing.T, octets []byte, identities []tenant.Identity) {
	t.Helper()
	for name, verifier := range verify.All() {
		results := verifier(t, h.nameserver.Addr, octets)
		for _, id := range identities {
			verdict, text := verify.Verdict("missing"), ""
			for _, r := range results {
				if r.Domain == id.SDID.String() && r.Selector == id.Selector {
					verdict, text = r.Verdict, r.Text
				}
			}
			noEd25519 := !verify.KnowsEd25519(name) && id.Algorithm == tenant.Ed25519
			if verdict != verify.OK && !(noEd25519 && verdict == verify.Unsupported) {
				t.Errorf("%s: signature of %s is %s: %s\n%s", name, id, verdict, text, octets)
			}
		}
	}
}

// verifySigned asks every verifier about every signature in a message, none of which may be bad.
func (h *house) verifySigned(t *testing.T, octets []byte) {
	t.Helper()
	for name, verifier := range verify.All() {
		results := verifier(t, h.nameserver.Addr, octets)
		if len(results) == 0 {
			t.Errorf("%s finds no signature:\n%s", name, octets)
		}
		for _, r := range results {
			if r.Verdict != verify.OK && (verify.KnowsEd25519(name) || r.Verdict != verify.Unsupported) {
				t.Errorf("%s: signature of %s by %s is %s: %s\n%s", name, r.Domain, r.Selector, r.Verdict, r.Text, octets)
			}
		}
	}
}
