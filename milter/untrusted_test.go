package milter

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"onbehalf/milter/mta"
)

// TestUntrusted has a row for each message that may, or may not, be one that an application server
// should have signed.
func TestUntrusted(t *testing.T) {
	as := func(author string, to ...string) mta.Mail {
		m := from(author, "")
		m.Client = netip.MustParseAddr("203.0.113.5")
		if len(to) > 0 {
			m.Recipients = to
		}
		return m
	}
	envelope := as("someone@elsewhere.example")
	envelope.Sender = "<academy@yourorganisationname.nl>"
	nobody := as("someone@elsewhere.example")
	nobody.Sender = "<someone@elsewhere.example>"
	trusted, login := from("academy@yourorganisationname.nl", ""), as("academy@yourorganisationname.nl")
	login.Login = "someone"
	unreadable := as("academy@yourorganisationname.nl")
	unreadable.Header[0].Value, unreadable.Sender = " <academy@", "<someone@elsewhere.example>"
	for _, test := range []struct {
		name         string
		mail         mta.Mail
		from, tenant string // empty: it does not count
	}{
		{"a tenant's author", as("academy@yourorganisationname.nl"), "academy@yourorganisationname.nl", "yourorg"},
		{"the platform's author", as("support@courseware.nl"), "support@courseware.nl", ""},
		{"below a wildcard", as("a@club.university.example"), "a@club.university.example", "university"},
		{"a tenant's envelope sender", envelope, "academy@yourorganisationname.nl", "yourorg"},
		{"to the platform and others", as("academy@yourorganisationname.nl", "<support@courseware.nl>", "<student@receiver.example>"), "academy@yourorganisationname.nl", "yourorg"},
		{"to the platform alone", as("academy@yourorganisationname.nl", "<support@courseware.nl>", "<postmaster@mail.courseware.nl>"), "", ""},
		{"strangers' mail", nobody, "", ""},
		{"an author that cannot be read", unreadable, "", ""},
		{"a trusted client", trusted, "", ""},
		{"a client that has logged in", login, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := open(t)
			h.send(h.client(test.mail), test.mail)
			h.book.lines(t, "message")
			got, lines := h.Untrusted(), h.book.lines(t, "messages of clients that are not trusted leave as they came, though their author is a tenant's or the platform's")
			if test.from == "" {
				if got != (Untrusted{}) || len(lines) > 0 {
					t.Errorf("it counts: %+v", got)
				}
				return
			}
			if got.Messages != 1 || got.From != test.from || got.Tenant != test.tenant || got.Client != "203.0.113.5" || time.Since(got.Last) > time.Minute {
				t.Errorf("%+v", got)
			}
			if len(lines) != 1 || lines[0]["level"] != "WARN" || lines[0]["from"] != test.from || lines[0]["client"] != "203.0.113.5" ||
				!strings.Contains(lines[0]["remedy"].(string), "trust.networks") || !strings.Contains(lines[0]["remedy"].(string), "onbehalf setup --trust") {
				t.Errorf("the log says %v", lines)
			}
		})
	}
}

// TestUntrustedIsBounded: the log speaks of many at a time.
func TestUntrustedIsBounded(t *testing.T) {
	h := open(t)
	m := stranger()
	client := h.client(m)
	const text = "messages of clients that are not trusted leave as they came, though their author is a tenant's or the platform's"
	for range 50 {
		h.send(client, m)
	}
	if lines := h.book.lines(t, text); len(lines) != 1 || lines[0]["messages"] != 1.0 {
		t.Errorf("after 50 messages, the log says %v", lines)
	}
	h.untrusted.mu.Lock()
	h.untrusted.warned = h.untrusted.warned.Add(-untrustedEvery)
	h.untrusted.mu.Unlock()
	h.send(client, m)
	if lines := h.book.lines(t, text); len(lines) != 2 || lines[1]["messages"] != 50.0 {
		t.Errorf("after a while, the log says %v", lines)
	}
	if got := h.Untrusted().Messages; got != 51 {
		t.Errorf("%d are counted", got)
	}
}
