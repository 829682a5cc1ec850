package demo

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"

	"blitiri.com.ar/go/spf"
	"github.com/emersion/go-msgauth/dkim"
	"github.com/emersion/go-msgauth/dmarc"

	"onbehalf/message"
)

// receiver judges mail as a receiving server does: SPF for the envelope sender
// (RFC 7208), DKIM for the signatures (RFC 6376), and DMARC (RFC 9989), which wants
// one of them for the domain in From.
type receiver struct {
	resolver *net.Resolver
	client   netip.Addr // who delivers
}

func newReceiver(nameserver string, client netip.Addr) *receiver {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, nameserver)
	}
	return &receiver{&net.Resolver{PreferGo: true, Dial: dial}, client}
}

// arrival is a message at the receiver.
type arrival struct {
	sender string
	header message.Header
	body   []byte
}

// opinion is what the receiver thinks of it.
type opinion struct {
	spf, spfDomain   string
	dkim, dkimDomain string
	aligned          bool // SPF or DKIM passes for the domain in From
	policy           string
}

// delivered tells whether the message reaches the inbox.
func (o opinion) delivered() bool { return o.aligned }

func (r *receiver) judge(ctx context.Context, a arrival) (opinion, error) {
	from, _ := a.header.Get("From")
	author, err := message.ParseFrom(from.Value)
	if err != nil {
		return opinion{}, err
	}
	domain := author.Mailboxes[0].Address.Domain
	o := opinion{dkim: "none"}
	if err := r.judgePolicy(ctx, &o, domain); err != nil {
		return o, err
	}
	r.judgeSPF(ctx, &o, domain, message.ParsePath(a.sender))
	return o, r.judgeDKIM(ctx, &o, domain, a)
}

func (r *receiver) judgePolicy(ctx context.Context, o *opinion, domain message.Domain) error {
	record, err := dmarc.LookupWithOptions(domain.Organizational().String(), &dmarc.LookupOptions{LookupTXT: r.lookup(ctx)})
	if errors.Is(err, dmarc.ErrNoPolicy) {
		o.policy = "none"
		return nil
	}
	if err == nil {
		o.policy = string(record.Policy)
	}
	return err
}

func (r *receiver) judgeSPF(ctx context.Context, o *opinion, from message.Domain, sender message.Path) {
	domain := sender.Address.Domain
	result, _ := spf.CheckHostWithSender(r.client.AsSlice(), hostName, sender.Address.String(),
		spf.WithResolver(r.resolver), spf.WithContext(ctx))
	o.spf, o.spfDomain = string(result), domain.String()
	o.aligned = o.aligned || result == spf.Pass && sameOrganization(domain, from)
}

func (r *receiver) judgeDKIM(ctx context.Context, o *opinion, from message.Domain, a arrival) error {
	text := a.header.String() + "\r\n" + string(a.body)
	verifications, err := dkim.VerifyWithOptions(strings.NewReader(text), &dkim.VerifyOptions{LookupTXT: r.lookup(ctx)})
	if err != nil {
		return err
	}
	for _, v := range verifications {
		o.dkim, o.dkimDomain = "pass", v.Domain
		if v.Err != nil {
			o.dkim = "fail (" + v.Err.Error() + ")"
			continue
		}
		if domain, err := message.ParseDomain(v.Domain); err == nil && sameOrganization(domain, from) {
			o.aligned = true
		}
	}
	return nil
}

func (r *receiver) lookup(ctx context.Context) func(string) ([]string, error) {
	return func(name string) ([]string, error) { return r.resolver.LookupTXT(ctx, name) }
}

func sameOrganization(a, b message.Domain) bool {
	return !a.IsZero() && a.Organizational() == b.Organizational()
}
