package tenant

import (
	"fmt"
	"time"

	"onbehalf/message"
)

// Any returns a submitter that is named, by login first; where none is, otherwise.
func (s Submitters) Any(otherwise message.Submitter) message.Submitter {
	switch {
	case len(s.Logins) > 0:
		otherwise.Login = s.Logins[0]
	case len(s.Networks) > 0:
		otherwise.Client = s.Networks[0].Addr()
	}
	return otherwise
}

// Letter returns the plain message that stands for all mail of an author's domain: what becomes of
// it is worked out to say what would become of real mail. It comes from a submitter who may send
// it; that it is local makes it trusted, wherever it comes from.
func (s Submitters) Letter(author, to message.Address, subject string, at time.Time) message.Message {
	m := message.Message{Received: at, Submitter: s.Any(message.Submitter{Local: true})}
	m.Envelope.ReversePath = message.PathOf(author)
	m.Envelope.ForwardPaths = []message.Path{message.PathOf(to)}
	for _, field := range [][2]string{
		{"From", author.String()}, {"To", to.String()}, {"Subject", subject}, {"Date", at.Format(time.RFC1123Z)},
		{"Message-ID", fmt.Sprintf("<%s.onbehalf@%s>", at.UTC().Format("20060102150405"), author.Domain)},
	} {
		m.Header = append(m.Header, message.Field{Name: field[0], Value: " " + field[1]})
	}
	return m
}
