package selftest

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/emersion/go-smtp"

	"onbehalf/rewrite"
)

// obstacle returns why this command cannot send as the application does, and how to test
// instead.
func (t *Test) obstacle() error {
	for i, p := range t.Messages {
		switch {
		case p.Plan.Row == rewrite.RowUntrusted:
			return fmt.Errorf("not sent: Postfix would see us come from %s, which is not in trust.networks, and onbehalf leaves such mail alone; "+
				"run this on the mail host, or send from the application", t.client)
		case p.Plan.Action == rewrite.Refuse:
			return fmt.Errorf("not sent: onbehalf would refuse message %d, %s: %s\n"+
				"What becomes of the application's own mail:\n  echo 'From: %s' | onbehalf explain %s\n"+
				"To see such mail arrive, send it from the application",
				i+1, p.title, p.Plan.Detail, p.From, t.explainOptions(p))
		}
	}
	return nil
}

// explainOptions returns the options of explain for a client that may send the message.
func (t *Test) explainOptions(p *sample) string {
	who := t.snapshot.Platform().Submitters
	if p.As == "tenant" {
		who = t.tenant.Submitters
	}
	switch {
	case len(who.Logins) > 0:
		return "--login " + who.Logins[0]
	case len(who.Networks) > 0:
		return "--client " + who.Networks[0].Addr().String()
	}
	return "--client ADDRESS-OF-THE-APPLICATION"
}

// send hands both to Postfix. A refusal is noted with the message that it is for; an
// error ends the test.
func (t *Test) send() error {
	if err := t.obstacle(); err != nil {
		return err
	}
	client, err := t.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	for _, p := range t.Messages {
		text, err := transact(client, p)
		refused := new(smtp.SMTPError)
		switch {
		case err == nil:
			p.Reply = "250 " + strings.ReplaceAll(text, "\n", " ")
			if id := queuedAs.FindStringSubmatch(text); id != nil {
				p.QueueID = id[1]
			}
		case errors.As(err, &refused):
			p.Reply, p.Error = replyOf(refused), remedy(refused)
		default:
			return fmt.Errorf("%s: %w; Postfix's log says why", t.SMTP, err)
		}
	}
	client.Quit()
	return nil
}

var queuedAs = regexp.MustCompile(`queued as ([0-9A-Za-z]+)`)

// patience is how long Postfix may take for one reply.
const patience = 30 * time.Second

// dial begins a session, as far as EHLO.
func (t *Test) dial() (*smtp.Client, error) {
	conn, err := net.DialTimeout("tcp", t.SMTP, patience)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%s: connection refused: is Postfix running? If it listens elsewhere, use --smtp HOST:PORT", t.SMTP)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; use --smtp HOST:PORT, where Postfix listens", err)
	}
	client := smtp.NewClient(conn)
	client.CommandTimeout, client.SubmissionTimeout = patience, patience
	err = client.Hello(t.host)
	if refused := new(smtp.SMTPError); errors.As(err, &refused) {
		err = fmt.Errorf("%s; %s", replyOf(refused), remedy(refused))
	}
	if err != nil {
		client.Close()
		return nil, fmt.Errorf("%s: %w", t.SMTP, err)
	}
	return client, nil
}

// transact sends one message, and returns what Postfix says to it. An error is the first refusal,
// or that of the connection.
func transact(client *smtp.Client, p *sample) (string, error) {
	if err := client.Reset(); err != nil {
		return "", err
	}
	if err := client.Mail(p.message.Envelope.ReversePath.Verbatim, &smtp.MailOptions{UTF8: p.message.Envelope.SMTPUTF8}); err != nil {
		return "", err
	}
	if err := client.Rcpt(p.message.Envelope.ForwardPaths[0].Verbatim, nil); err != nil {
		return "", err
	}
	data, err := client.Data()
	if err != nil {
		return "", err
	}
	if _, err := data.Write(p.octets()); err != nil {
		return "", err
	}
	reply, err := data.CloseWithResponse()
	if err != nil {
		return "", err
	}
	return reply.StatusText, nil
}

// replyOf is a refusal on one line, as the server said it.
func replyOf(r *smtp.SMTPError) string {
	text := strings.ReplaceAll(r.Message, "\n", " ")
	if code := r.EnhancedCode; code != smtp.EnhancedCodeNotSet {
		text = fmt.Sprintf("%d.%d.%d %s", code[0], code[1], code[2], text)
	}
	return fmt.Sprintf("%d %s", r.Code, text)
}

// remedy says what to do about a refusal.
func remedy(r *smtp.SMTPError) string {
	switch {
	case strings.Contains(replyOf(r), "4.7.1 Service unavailable"):
		return "Postfix could not reach a milter: is onbehalf running (systemctl status onbehalf)?"
	case strings.Contains(r.Message, "Relay access denied"):
		return "Postfix does not relay for this host: is its address in mynetworks (postconf mynetworks)?"
	case r.Temporary():
		return "Postfix asks to try again later; its log says why"
	}
	return "Postfix refuses the message; its log says by which rule"
}
