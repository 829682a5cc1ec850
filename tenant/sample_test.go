package tenant

import (
	"net/netip"
	"testing"
	"time"

	"onbehalf/message"
)

// TestSampleLetter: the message that stands for a domain's mail comes from a submitter who may send
// it.
func TestSampleLetter(t *testing.T) {
	author, err := message.ParseAddress("postmaster@school.example")
	if err != nil {
		t.Fatal(err)
	}
	network := netip.MustParsePrefix("192.0.2.0/24")
	for _, s := range []Submitters{{}, {Logins: []string{"lms"}}, {Networks: []netip.Prefix{network}}, {Logins: []string{"lms"}, Networks: []netip.Prefix{network}}} {
		m := s.Letter(author, author, "a subject", time.Now())
		if !s.IsZero() && !s.Include(m.Submitter) || !m.Submitter.Local {
			t.Errorf("%+v: it comes from %+v", s, m.Submitter)
		}
		if m.Header.Author() != author || m.Envelope.ReversePath.Address != author {
			t.Errorf("%+v: it is by %s, from %s", s, m.Header.Author(), m.Envelope.ReversePath)
		}
		for _, name := range []string{"From", "To", "Subject", "Date", "Message-ID"} {
			if !m.Header.Has(name) {
				t.Errorf("%s is missing", name)
			}
		}
	}
}
