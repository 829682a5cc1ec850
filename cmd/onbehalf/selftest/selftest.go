package selftest

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// Request is what is asked of a test.
type Request struct {
	To     message.Address
	Tenant *tenant.Tenant
	From   message.Address // of the tenant; zero: one is chosen
	SMTP   string          // HOST:PORT where Postfix listens
	Host   string          // name of this host
}

// Test is two messages to one mailbox. Its JSON is what selftest --json prints.
type Test struct {
	Token    string          `json:"token"` // stands in Subject and X-Onbehalf-Selftest of both
	To       message.Address `json:"to"`
	SMTP     string          `json:"smtp"`
	TenantID string          `json:"tenant"`
	Messages []*sample       `json:"messages"` // as the platform, then on behalf of the tenant

	host     string
	client   netip.Addr // that Postfix sees us come from
	tenant   *tenant.Tenant
	snapshot *tenant.Snapshot
}

// sample is one of the two, and what became of it.
type sample struct {
	As      string          `json:"as"` // platform or tenant
	From    message.Address `json:"from"`
	Plan    rewrite.Plan    `json:"expected"`
	QueueID string          `json:"queue_id,omitempty"` // that Postfix gave it
	Reply   string          `json:"reply,omitempty"`    // the last one of Postfix
	Error   string          `json:"error,omitempty"`    // why it was not sent, or not accepted

	title   string
	message message.Message
	body    []byte
}

// New writes the messages and works out what should become of them. Nothing is sent yet.
func New(r Request, s *tenant.Snapshot) (*Test, error) {
	t := &Test{Token: rand.Text()[:6], To: r.To, SMTP: r.SMTP, TenantID: r.Tenant.ID, host: r.Host, tenant: r.Tenant, snapshot: s}
	from, err := t.tenantAddress(r.From)
	if err != nil {
		return nil, err
	}
	if t.client, err = clientOf(t.SMTP); err != nil {
		return nil, fmt.Errorf("--smtp: %w; write the HOST:PORT where Postfix listens", err)
	}
	platform := s.Platform()
	t.Messages = []*sample{
		t.write("platform", platform.Name, t.platformAddress(), "as "+platform.Name),
		t.write("tenant", t.tenant.Name, from, "on behalf of "+t.tenant.Name),
	}
	return t, nil
}

// clientOf returns the address that the server sees us come from: a UDP socket knows it
// without sending anything.
func clientOf(server string) (netip.Addr, error) {
	conn, err := net.Dial("udp", server)
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}

// Accepted reports whether Postfix has accepted both messages.
func (t *Test) Accepted() bool {
	return !slices.ContainsFunc(t.Messages, func(p *sample) bool { return p.Error != "" })
}

// RunQuietly sends the messages, and notes what goes wrong in them.
func (t *Test) RunQuietly() {
	if err := t.send(); err != nil {
		for _, p := range t.Messages {
			if p.Reply == "" {
				p.Error = err.Error()
			}
		}
	}
}

// Run prints what is expected, sends the messages, and prints what Postfix said and what to look
// for. The error says why not both were handed in.
func (t *Test) Run(w io.Writer) error {
	t.printExpectations(w)
	err := t.send()
	t.printReplies(w)
	if err == nil && t.Accepted() {
		t.printGuide(w)
	}
	return err
}
