package keys

import (
	"slices"
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/tenant"
)

const plain = "From: Academy <academy@tenant.example>\nTo: bob@far.example\nSubject: Your course\n" +
	"Date: Mon, 23 Nov 2026 09:00:00 +0100\nMessage-ID: <1@tenant.example>\n"

// cases are messages that signatures have broken on; the header is written with
// LF, the body as it is.
var cases = []struct{ name, header, body string }{
	{"plain", plain, "Hello,\r\n\r\nwelcome.\r\n"},
	{"empty body", plain, ""},
	{"body of one line end", plain, "\r\n"},
	{"body of blank lines", plain, "\r\n\r\n\r\n"},
	{"body of blanks", plain, " \t \r\n\t\r\n"},
	{"no final line end", plain, "Hello"},
	{"blanks and no final line end", plain, "Hello \t "},
	{"dot lines", plain, ".\r\n..\r\n.hidden\r\n.\r\n"},
	{"8-bit", plain + "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n", "Gr\xc3\xbc\xc3\x9fe \xff\xfe\r\n"},
	{"NUL in the body", plain, "a\x00b\r\n"},
	{"trailing blanks", plain, "a \t\r\nb\t \r\n  c   d\r\n"},
	{"trailing blank lines", plain, "a\r\n\r\n \r\n\t\r\n\r\n"},
	{"inner blank lines", plain, "a\r\n\r\n\r\n\r\nb\r\n"},
	{"long line", plain, strings.Repeat("x", 2500) + "\r\n"},
	{"folded fields", "From: Academy\n <academy@tenant.example>\nSubject: a\n\tb\n  c\nTo: a@far.example,\n b@far.example\n", "x\r\n"},
	{"fold at once", "From:\n academy@tenant.example\nSubject:\n\n", "x\r\n"},
	{"fold of blanks alone", "From: academy@tenant.example\nSubject: a\n \n\t\n b\n", "x\r\n"},
	{"odd white space", "From:academy@tenant.example\nSubject:    a \t  b  \t\nTo: \t\nCc:\nDate:\t1\n", "x\r\n"},
	{"8-bit fields", "From: \"Gr\xc3\xbc\xc3\x9fe\" <academy@tenant.example>\nSubject: \xe9t\xe9 \xa0\n", "x\r\n"},
	{"repeated To", "To: a@far.example\nFrom: academy@tenant.example\nTo: b@far.example\nCc: c@far.example\nTo: c@far.example\nCc: d@far.example\n", "x\r\n"},
	{"repeated in two spellings", "TO: a@far.example\nto: b@far.example\nFROM: academy@tenant.example\nTo: c@far.example\nlist-id: <a>\nList-ID: <b>\nSUBJECT: a\n", "x\r\n"},
	{"long names that fit", plain + strings.Repeat("List-Of-All-That-Is-In-A-Long-Name: x\n", 50) + strings.Repeat("Content-Transfer-Encoding: x\n", 65), "x\r\n"},
	{"optional fields", plain + "Sender: s@tenant.example\nResent-From: a@far.example\nResent-From: b@far.example\nList-Id: <l>\nList-Unsubscribe: <https://a.example>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n", "x\r\n"},
	{"fields of servers", "Return-Path: <a@b.example>\nReceived: by a\nReceived: by b\nDKIM-Signature: v=1; a=rsa-sha256; d=old.example; s=x; h=from; bh=YQ==; b=YQ==\nAuthentication-Results: x\n" + plain, "x\r\n"},
	{"most names that fit", plain + strings.Repeat("To: a@far.example\n", 1200) + strings.Repeat("Sender: a@far.example\n", 2), "x\r\n"},
	{"large", plain, strings.Repeat("The quick brown fox jumps over the lazy dog.  \r\n", 4000)},
}

// wire gives the message as it travels. SMTP ends a body with CRLF.
func wire(fields []message.Field, h message.Header, body string) string {
	if body != "" && !strings.HasSuffix(body, "\r\n") {
		body += "\r\n"
	}
	return message.Header(fields).String() + h.String() + "\r\n" + body
}

// signed signs a message whose body comes in pieces of that size.
func signed(t testing.TB, r *Ring, h message.Header, body string, piece int, ids ...tenant.Identity) []message.Field {
	t.Helper()
	s, err := r.Sign(h, ids)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for p := range slices.Chunk([]byte(body), piece) {
		if n, err := s.Write(p); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	fields, err := s.Fields()
	if err != nil || len(fields) != len(ids) {
		t.Fatalf("%d fields for %d identities: %v", len(fields), len(ids), err)
	}
	return fields
}

// tampered are changes to the plain message that a signature must not survive.
var tampered = []struct {
	name   string
	change func(string) string
}{
	{"second From above", above("From: Bank <a@bank.example>")},
	{"second Subject above", above("Subject: You won")},
	{"second Subject above, other spelling", above("SUBJECT: You won")},
	{"second To above", above("To: eve@evil.example")},
	{"second Date above", above("Date: x")},
	{"second Message-ID above", above("Message-Id: <x>")},
	{"Reply-To above", above("Reply-To: eve@evil.example")},
	{"Cc above", above("Cc: eve@evil.example")},
	{"second MIME-Version above", above("MIME-Version: 2.0")},
	{"second From below", below("From: Bank <a@bank.example>")},
	{"Reply-To below", below("Reply-To: eve@evil.example")},
	{"Subject changed", replace("Your course", "Your money")},
	{"body changed", replace("welcome", "farewell")},
	{"body appended to", func(m string) string { return m + "PS: pay\r\n" }},
}

func above(field string) func(string) string {
	return func(m string) string { return field + "\r\n" + m }
}
func below(field string) func(string) string {
	return replace("\r\n\r\n", "\r\n"+field+"\r\n\r\n")
}
func replace(what, with string) func(string) string {
	return func(m string) string { return strings.Replace(m, what, with, 1) }
}

const untampered = plain + "MIME-Version: 1.0\n"

// harmless are changes that servers on the way make.
var harmless = []struct {
	name   string
	change func(string) string
}{
	{"trace fields above", above("Return-Path: <a@b.example>\r\nReceived: by x")},
	{"Subject folded again", replace("Your course", "Your\r\n\tcourse")},
	{"white space at line ends", replace("welcome.", "welcome. \t")},
	{"blank lines at the end", func(m string) string { return m + "\r\n\r\n" }},
}
