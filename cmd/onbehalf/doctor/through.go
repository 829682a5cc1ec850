package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/smtp"
	"net/textproto"
	"os"
	"strings"
	"time"

	"onbehalf/message"
	"onbehalf/milter/mta"
)

// throughTime bounds a session with Postfix. It may wait for the name of a client in DNS.
const throughTime = 30 * time.Second

// through hands Postfix a message, by SMTP, that onbehalf refuses: two authors. When the refusal
// comes back in onbehalf's words, Postfix calls it and shows it whole messages, and nothing was
// sent. The daemon is asked first, at its socket, whether it would refuse.
func (d *doctor) through() {
	const what = "Postfix was not tried by SMTP"
	_, socket := d.wanted()
	if d.Table == nil || socket.IsZero() {
		d.skip(what, "the configuration does not load, so it is not known how", "")
		return
	}
	door := d.Postfix.Door()
	if door == "" {
		d.skip(what, "no smtpd of "+d.Postfix.Folder()+" takes mail from loopback", "send a message by onbehalf selftest --to ADDRESS")
		return
	}
	mail := d.twoAuthors()
	result, err := pass(socket.Network, socket.Address, mail)
	switch {
	case os.IsPermission(err):
		d.skip(what, "we may not connect to "+socket.String(), "run onbehalf doctor as root")
	case err != nil:
		d.skip(what, "the daemon does not answer: "+err.Error(), "see above")
	case !strings.HasPrefix(result.Reply, "5"):
		d.skip(what, "the daemon refuses no message that can be tried (policy.mode is shadow, policy.unreadable_from is rewrite, or 127.0.0.1 is not in trust.networks), so what is handed in would be sent",
			"send a message by onbehalf selftest --to ADDRESS")
	default:
		d.compare(door, mail, result.Reply)
	}
}

// twoAuthors is a message of this host, from and to the platform, that nobody can say the author of.
func (d *doctor) twoAuthors() mta.Mail {
	p := d.Table.Platform()
	author := message.Address{Local: "postmaster", Domain: p.Domain}
	m := p.Submitters.Letter(author, p.BouncesTo, "onbehalf doctor --smtp", time.Now())
	m.Header = append(m.Header, message.Field{Name: "From", Value: " " + author.String()})
	return mta.Mail{Client: netip.MustParseAddr("127.0.0.1"), Host: d.Host, QueueID: queueID, Sender: author.String(),
		Recipients: []string{p.BouncesTo.String()}, Header: m.Header, Body: []byte("Not to be delivered.\r\n")}
}

// compare hands the message in, and judges what Postfix answers.
func (d *doctor) compare(door string, mail mta.Mail, want string) {
	step, err := handIn(d.ctx, door, mail)
	reply := new(textproto.Error)
	switch {
	case err == nil:
		d.add(Finding{Level: Error, What: "Postfix took a message at " + door + " that onbehalf refuses", Why: "it does not call onbehalf there, so mail that comes in there leaves unsigned and unrewritten. The message goes to " + mail.Recipients[0] + ", and can be thrown away",
			Fix: "see above what Postfix lacks, then reload it", Commands: []string{d.Postfix.Here("postfix reload")}})
	case !errors.As(err, &reply):
		d.add(Finding{Level: Error, What: "Postfix does not take mail at " + door, Why: step + ": " + err.Error(), Fix: "see its log"})
	case step == "DATA" && strings.HasPrefix(fmt.Sprintf("%d %s", reply.Code, reply.Msg), want):
		d.ok("Postfix shows onbehalf the messages that it takes at %s: one that onbehalf refuses was refused there in the same words, and nothing was sent", door)
	case reply.Code/100 == 4:
		d.add(Finding{Level: Error, What: "Postfix defers mail at " + door, Why: fmt.Sprintf("%s: %v; onbehalf would say: %s", step, reply, want), Fix: "see Postfix's log: it says there why it cannot ask onbehalf"})
	default:
		d.skip("whether Postfix calls onbehalf at "+door+" is not known", fmt.Sprintf("it refuses the message itself: %s: %v", step, reply), "send a message by onbehalf selftest --to ADDRESS")
	}
}

// handIn sends a message by SMTP. step is where it ended.
func handIn(ctx context.Context, door string, mail mta.Mail) (step string, err error) {
	ctx, cancel := context.WithTimeout(ctx, throughTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", door)
	if err != nil {
		return "connect", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(throughTime))
	client, err := smtp.NewClient(conn, door)
	if err != nil {
		return "connect", err
	}
	defer client.Quit()
	if err := client.Mail(mail.Sender); err != nil {
		return "MAIL", err
	}
	for _, recipient := range mail.Recipients {
		if err := client.Rcpt(recipient); err != nil {
			return "RCPT", err
		}
	}
	content, err := client.Data()
	if err == nil {
		_, err = fmt.Fprintf(content, "%s\r\n%s", mail.Header, mail.Body)
	}
	if err != nil {
		return "DATA", err
	}
	return "DATA", content.Close()
}
