package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"onbehalf/cmd/onbehalf/smtp"
	"onbehalf/rewrite"
)

// obstacle says why this command cannot stand in for the application, and how to test
// instead.
func (t *selftest) obstacle() error {
	for i, p := range t.Messages {
		switch {
		case p.Plan.Row == rewrite.RowUntrusted:
			return fmt.Errorf("not sent: Postfix would see us come from %s, which is not in trust.networks, and onbehalf leaves such mail alone; "+
				"run this on the mail host, or send from the application", t.client)
		case p.Plan.Action == rewrite.Refuse:
			return fmt.Errorf("not sent: onbehalf would refuse message %d, %s: %s\n"+
				"What becomes of the application's own mail:\n  echo 'From: %s' | onbehalf explain %s\n"+
				"To see it arrive, send some from the application",
				i+1, p.title, p.Plan.Detail, p.From, t.rightful(p))
		}
	}
	return nil
}

// rightful gives the options of explain for who may send the message.
func (t *selftest) rightful(p *sample) string {
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
func (t *selftest) send() error {
	if err := t.obstacle(); err != nil {
		return err
	}
	s, err := dialSMTP(t.SMTP)
	if err != nil {
		return err
	}
	defer s.Quit()
	for _, p := range t.Messages {
		reply, err := transact(s, p)
		if err != nil {
			return fmt.Errorf("%s: %w; Postfix's log says why", t.SMTP, err)
		}
		p.take(reply)
	}
	return nil
}

var queuedAs = regexp.MustCompile(`queued as ([0-9A-Za-z]+)`)

func (p *sample) take(r smtp.Reply) {
	p.Reply = r.String()
	if id := queuedAs.FindStringSubmatch(r.Text()); id != nil {
		p.QueueID = id[1]
	}
	if !r.OK() {
		p.Error = remedy(r)
	}
}

func (t *selftest) taken() bool {
	return !slices.ContainsFunc(t.Messages, func(p *sample) bool { return p.Error != "" })
}

// smtpPatience is how long Postfix may take for one reply.
const smtpPatience = 30 * time.Second

func dialSMTP(server string) (*smtp.Session, error) {
	conn, err := net.DialTimeout("tcp", server, smtpPatience)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%s: connection refused: is Postfix running? If it listens elsewhere, give --smtp HOST:PORT", server)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; give the --smtp HOST:PORT where Postfix listens", err)
	}
	s := smtp.New(context.Background(), conn, smtpPatience)
	reply, err := greet(s)
	if err == nil && !reply.OK() {
		err = fmt.Errorf("%s; %s", reply, remedy(reply))
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: %w", server, err)
	}
	return s, nil
}

func greet(s *smtp.Session) (smtp.Reply, error) {
	host, err := os.Hostname()
	if err != nil {
		return smtp.Reply{}, err
	}
	if reply, err := s.Greeting(); err != nil || !reply.OK() {
		return reply, err
	}
	return s.Do("EHLO " + host)
}

// transact sends one message, and returns the reply to the first command that is
// refused, else the one to the message.
func transact(s *smtp.Session, p *sample) (smtp.Reply, error) {
	mail := "MAIL FROM:" + p.message.Envelope.ReversePath.String()
	if p.message.Envelope.SMTPUTF8 {
		mail += " SMTPUTF8"
	}
	for _, command := range []string{"RSET", mail, "RCPT TO:" + p.message.Envelope.ForwardPaths[0].String(), "DATA"} {
		reply, err := s.Do(command)
		if err != nil || reply.Code/100 > 3 {
			return reply, err
		}
	}
	return s.Send(p.octets())
}

// remedy says what to do about a refusal.
func remedy(r smtp.Reply) string {
	switch {
	case r.Code/100 == 4 && strings.Contains(r.Text(), "4.7.1 Service unavailable"):
		return "Postfix could not reach a milter: is onbehalf running (systemctl status onbehalf)?"
	case strings.Contains(r.Text(), "Relay access denied"):
		return "Postfix relays nothing for us: are we in mynetworks (postconf mynetworks)?"
	case r.Code/100 == 4:
		return "Postfix wants us to come back later; its log says why"
	}
	return "Postfix refuses it; its log says by which rule"
}
