package selftest

import (
	"bytes"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"time"

	"onbehalf/message"
	"onbehalf/rewrite"
)

// write makes one message and the plan for it. It is ASCII throughout, so that no next
// hop has a reason to recode it.
func (t *Test) write(as, name string, from message.Address, how string) *sample {
	m := message.Message{Header: t.header(as, name, from, how), Received: time.Now()}
	m.Host, _ = message.ParseHost(t.host)
	m.Submitter.Client = t.client
	m.Envelope = message.Envelope{
		ReversePath:  message.PathOf(from), // as an application does that knows no better
		ForwardPaths: []message.Path{message.PathOf(t.To)},
		SMTPUTF8:     !from.IsASCII() || !t.To.IsASCII(),
	}
	return &sample{As: as, From: from, Plan: rewrite.Decide(m, t.snapshot), title: how, message: m, body: t.body(how)}
}

func (t *Test) header(as, name string, from message.Address, how string) message.Header {
	now := time.Now()
	subject := mime.QEncoding.Encode("utf-8", "onbehalf selftest "+t.Token+": "+how)
	id := fmt.Sprintf(" <%s.%s.%s@%s>", now.UTC().Format("20060102150405"), t.Token, as, t.snapshot.Platform().Domain)
	return message.Header{
		{Name: "From", Value: message.FormatMailboxes("From", message.Mailbox{Name: name, Address: from})},
		{Name: "To", Value: message.FormatMailboxes("To", message.Mailbox{Address: t.To})},
		{Name: "Subject", Value: message.Fold("Subject", subject)},
		{Name: "Date", Value: " " + now.Format(time.RFC1123Z)},
		{Name: "Message-ID", Value: id},
		{Name: "X-Onbehalf-Selftest", Value: " " + t.Token},
		{Name: "Auto-Submitted", Value: " auto-generated"}, // RFC 3834: no vacation replies
		{Name: "MIME-Version", Value: " 1.0"},
		{Name: "Content-Type", Value: " text/plain; charset=utf-8"},
		{Name: "Content-Transfer-Encoding", Value: " quoted-printable"},
	}
}

func (t *Test) body(how string) []byte {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	fmt.Fprintf(w, `This is a test of the mail server of %s.

It is one of two messages that are marked %s in their subjects: one is sent
as %[1]s, one on behalf of %[3]s.
This is the one sent %[4]s.

If you have asked for the test, check which of the two arrived, and whether in the
inbox or the spam folder. Otherwise you may delete both. No answer is needed.
`, t.snapshot.Platform().Name, t.Token, t.tenant.Name, how)
	w.Close()
	return b.Bytes()
}

func (p *sample) octets() []byte { return append([]byte(p.message.Header.String()+"\r\n"), p.body...) }
