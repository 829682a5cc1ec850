package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"onbehalf/cmd/onbehalf/smtp"
	"onbehalf/tenant"
)

// conversation is one connection to one address.
type conversation struct {
	*Probe
	*Host
	smtp *smtp.Session
}

// talk goes as far as the server lets it, and as Postfix would go with it.
func (p *Probe) talk(ctx context.Context, to Address, encrypt bool) Host {
	h := Host{Address: to}
	if ctx.Err() != nil {
		h.Steps = []Step{{Stage: Connect, Trouble: Trouble{TimedOut, "not tried: the probe ran out of time"}}}
		return h
	}
	conn, err := p.dial(ctx, to.Addr)
	if err != nil {
		h.Steps = []Step{{Stage: Connect, Trouble: p.trouble(err)}}
		return h
	}
	h.Steps = []Step{{Stage: Connect}}
	if local, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		h.Local = local.AddrPort().Addr().Unmap()
	}
	c := &conversation{p, &h, smtp.New(ctx, conn, p.patience)}
	defer c.smtp.Quit()
	if c.greet() && (!encrypt || c.secure()) {
		c.nameSenders()
	}
	return h
}

// dial connects from where Postfix does. An address that this host does not have is no obstacle to
// Postfix, which then connects from another.
func (p *Probe) dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	dialer := net.Dialer{Timeout: p.patience, LocalAddr: p.local(to.Addr())}
	conn, err := dialer.DialContext(ctx, "tcp", to.String())
	if errors.Is(err, syscall.EADDRNOTAVAIL) && dialer.LocalAddr != nil {
		dialer.LocalAddr = nil
		return dialer.DialContext(ctx, "tcp", to.String())
	}
	return conn, err
}

// note keeps a step, and reports whether the server agrees.
func (c *conversation) note(stage Stage, as Sender, reply smtp.Reply, err error) bool {
	step := Step{Stage: stage, Sender: as}
	if err != nil {
		step.Trouble = c.trouble(err)
	} else {
		for i, line := range reply.Lines {
			reply.Lines[i] = c.secret.ReplaceAllString(line, "(bounce address)")
		}
		step.Reply, step.Text = &reply, reply.Log()
	}
	c.Steps = append(c.Steps, step)
	return step.OK()
}

func (c *conversation) last() Step { return c.Steps[len(c.Steps)-1] }

func (c *conversation) do(stage Stage, as Sender, command string) bool {
	reply, err := c.smtp.Do(command)
	return c.note(stage, as, reply, err)
}

// greet says EHLO after the greeting, or HELO where that is not known (RFC 5321 section 3.2).
func (c *conversation) greet() bool {
	reply, err := c.smtp.Greeting()
	return c.note(Greeting, "", reply, err) && c.hello()
}

func (c *conversation) hello() bool {
	c.Offers = nil
	if c.do(Hello, "", "EHLO "+c.Hello) {
		for _, line := range c.last().Reply.Lines[1:] {
			c.Offers = append(c.Offers, strings.ToUpper(line))
		}
		return true
	}
	if !c.last().refused() || c.smtp.Broken() {
		return false
	}
	return c.do(Hello, "", "HELO "+c.Hello)
}

// secure starts TLS where it is offered, and reports whether Postfix would go on.
func (c *conversation) secure() bool {
	if !slices.Contains(c.Offers, "STARTTLS") {
		return c.TLS == tenant.TLSMay
	}
	c.Session = &Session{}
	if !c.do(StartTLS, "", "STARTTLS") {
		c.Session.Trouble = Trouble{TLSFailed, "the server offers STARTTLS, and answers it with: " + c.last().words()}
		c.Session.Plain = c.TLS == tenant.TLSMay && !c.smtp.Broken()
		return c.Session.Plain
	}
	state, err := c.smtp.StartTLS(c.config())
	if err != nil {
		c.Session.Trouble = Trouble{TLSFailed, "TLS fails: " + c.trouble(err).Text}
		return false
	}
	c.Session.Version = tls.VersionName(state.Version)
	c.Session.Certificate = inspect(state.PeerCertificates, c.Name, c.roots, time.Now())
	if c.TLS == tenant.TLSVerify && len(c.Session.Certificate.Faults) > 0 {
		return false
	}
	return c.hello()
}

// config is TLS as Postfix does it: it takes any certificate, and judges it afterwards; it names no
// server (smtp_tls_servername is empty).
func (c *conversation) config() *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, // inspect verifies it, and says what is wrong
		CipherSuites:       suites(),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c.Session.AskedOurs = true
			if c.own == nil {
				return &tls.Certificate{}, nil
			}
			return c.own, nil
		},
	}
}

// suites are those that OpenSSL has. Go's own list leaves out RSA key exchange, and with it some
// old servers that Postfix gets on with.
func suites() []uint16 {
	var all []uint16
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if !suite.Insecure || strings.HasPrefix(suite.Name, "TLS_RSA_WITH_AES_") {
			all = append(all, suite.ID)
		}
	}
	return all
}

// nameSenders names the sender that mail has, and asks for the postmaster, once; then it names the
// other sender. A server that minds that one has answered by then.
func (c *conversation) nameSenders() {
	other := AuthorSender
	if c.uses == AuthorSender {
		other = BounceSender
	}
	if c.mail(c.uses) && !c.asked {
		c.asked = true
		c.do(Rcpt, c.uses, "RCPT TO:<"+postmaster(c.domain).String()+">")
	}
	if c.smtp.Broken() {
		return
	}
	if _, err := c.smtp.Do("RSET"); err == nil && !c.smtp.Broken() {
		c.mail(other)
	}
}

func (c *conversation) mail(as Sender) bool {
	return c.do(Mail, as, "MAIL FROM:"+c.senders[as].String())
}

// trouble words an error of a socket, of TLS or of what came.
func (p *Probe) trouble(err error) Trouble {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return Trouble{TimedOut, fmt.Sprintf("no answer within %v", p.patience)}
	case errors.Is(err, syscall.ECONNREFUSED):
		return Trouble{Refused, "connection refused"}
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return Trouble{Unreachable, "there is no route to it"}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Trouble{Closed, "the server closes the connection without a reply"}
	case errors.Is(err, smtp.ErrGarbage), errors.Is(err, smtp.ErrTooMuch), errors.Is(err, smtp.ErrEarly):
		return Trouble{NoSMTP, err.Error()}
	}
	return Trouble{Closed, err.Error()}
}
