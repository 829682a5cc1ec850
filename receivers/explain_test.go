package receivers

import (
	"strings"
	"testing"
)

func explain(host, status, text string) Meaning {
	r := ParseReply(text)
	if r.Host == "" {
		r.Host = host
	}
	r.Status = status
	return Explain(r)
}

func TestRules(t *testing.T) {
	tests := []struct {
		rule               string
		host, status, text string
		entry              int
		class              Class
	}{
		{"the words come before dsn=", atGmail, "4.0.0", "421 5.7.32 not aligned", 8, Auth},
		{"a status of another reply does not overrule known lines", atExchange, "5.7.509", "550 5.7.68 x", 23, Policy},
		{"dsn= has the last line's code of a reply that the log cut off", atExchange, "5.7.509", "550-5.7.1 line 00 550-5.7.1 line", 21, Auth},
		{"dsn=5.0.0 of a reply without enhanced code means nothing", elsewhere, "5.0.0", "554 not taken", 0, Other},
		{"without a code in the words, the status is all there is", elsewhere, "4.4.2", "something", 60, Other},

		{"at GMX the last line decides", atGMX, "", "554-Reject due to SPF policy 554 see https://postmaster.gmx.net/case?c=r2001", 40, Auth},
		{"at GMX an earlier line decides when the last says nothing", atGMX, "", "550-Reject due to SPF policy. 550 Bye", 41, Auth},
		{"elsewhere the first line that is known", atGmail, "", "550-5.9.9 hello 550-5.7.30 DKIM 550 5.7.27 SPF", 7, Auth},

		{"5.7.27 is SPF at Gmail", atGmail, "", "550 5.7.27 x", 6, Auth},
		{"5.7.27 is a null MX elsewhere", elsewhere, "", "550 5.7.27 x", 57, Ours},
		{"5.7.30 is in no registry as DKIM", elsewhere, "", "550 5.7.30 x", 0, Other},
		{"5.1.10 is a mailbox at Exchange Online", atExchange, "", "550 5.1.10 x", 31, Mailbox},
		{"5.1.10 is a null MX elsewhere", elsewhere, "", "550 5.1.10 x", 57, Mailbox},
		{"5.7.1 alone says nothing", elsewhere, "", "550 5.7.1 no", 0, Other},
		{"5.7.1 alone says nothing at Gmail either", atGmail, "", "550 5.7.1 likely suspicious", 0, Other},
		{"5.7.1 with words of DMARC", elsewhere, "", "550 5.7.1 rejected by DMARC policy", 66, Auth},
		{"5.7.1 with words of an access map", elsewhere, "", "554 5.7.1 <h[192.0.2.1]>: Client host rejected: Access denied", 63, Policy},
		{"access denied at Exchange Online is a mailbox", atExchange, "", "550 5.4.1 Recipient address rejected: Access denied", 31, Mailbox},

		{"a receiver is known by its host", atExchange, "", "550 5.7.64 x", 24, Policy},
		{"not by the domain of the recipient", "mx.gateway.example", "", "550 5.7.64 <x@university-example.mail.protection.outlook.com> no", 0, Other},
		{"a host that only ends like it is another", "notgoogle.com", "", "550 5.7.30 x", 0, Other},
		{"a gateway passes on Gmail's words with its mark", "mx.gateway.example", "", "550 5.7.30 x 1-2.3 - gsmtp", 7, Auth},
		{"Microsoft's mark", "mx.gateway.example", "", "550 5.7.509 x [AM0EUR02.eop-EUR02.prod.protection.outlook.com 2026-11-26]", 21, Auth},
		{"its mark in any host's words", elsewhere, "", "554-not taken 554-by our rules 554 see https://postmaster.receiver.example/case?c=r2001", 40, Auth},

		{"a code in brackets at the end", "cluster1.messagelabs.com", "", "553 Message filtered: SPF (#5.7.1)", 53, Auth},
		{"Exchange's quotation of a server behind it", atExchange, "", "Remote server returned '550 5.7.23 SPF -> 553 x (#5.7.1)'", 22, Auth},

		{"relay=none is no verdict", "none", "4.4.1", "connect to mx.example[192.0.2.1]:25: Connection refused", 60, Other},
		{"but for what refused to talk", "none", "4.0.0", "host mx00.t-online.de[192.0.2.1] refused to talk to me: 554 IP=192.0.2.9 - None/bad reputation", 47, Reputation},
		{"and for what was said before", "none", "4.0.0", "delivery temporarily suspended: host mx00.gmx.net[192.0.2.1] refused to talk to me: 554-No 554 c=r0201 block listed", 42, Reputation},
		{"a suspended delivery that reached nobody", "none", "4.4.1", "delivery temporarily suspended: connect to mx.example[192.0.2.1]:25: Connection refused", 60, Other},
		{"4.7.5 is ours, not authentication", "none", "4.7.5", "X-Postfix; client TLS configuration problem", 58, Ours},
		{"a failed lookup of a receiver's Postfix is not ours", elsewhere, "", "451 4.3.0 <x@receiver.example>: Temporary lookup failure", 0, Other},
		{"a receiver cannot speak for our Postfix", elsewhere, "", "550 5.7.0 client TLS configuration problem", 0, Other},
		{"a milter of the receiver is not ours", elsewhere, "", "451 4.7.1 Service unavailable - try again later", 0, Other},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			got := explain(test.host, test.status, test.text)
			if got.Entry != test.entry || got.Class != test.class {
				t.Errorf("entry %d, %s (%s); want %d, %s", got.Entry, got.Class, got.Means, test.entry, test.class)
			}
		})
	}
}

func TestTemporary(t *testing.T) {
	tests := []struct {
		text, status string
		temporary    bool
	}{
		{"421 4.7.26 unauthenticated", "", true},
		{"421 5.7.32 not aligned", "", true}, // the reply code decides, not the enhanced one
		{"550 5.7.26 unauthenticated", "", false},
		{"550 4.7.1 no", "", false},
		{"host mx.example[192.0.2.1] refused to talk to me: 554 no", "4.0.0", true},
		{"host mx.example[192.0.2.1] said: 554 no (in reply to RCPT TO command)", "5.0.0", false},
		{"connect to mx.example[192.0.2.1]:25: Connection timed out", "4.4.1", true},
		{"unable to look up host: Host not found", "5.4.4", false},
	}
	for _, test := range tests {
		if got := explain(elsewhere, test.status, test.text).Temporary; got != test.temporary {
			t.Errorf("%s: temporary %v", test.text, got)
		}
	}
}

func TestUnknownShowsTheWords(t *testing.T) {
	tests := []struct{ host, status, text, means string }{
		{elsewhere, "", "550 5.9.9 we are closed", "The server says: 550 5.9.9 we are closed"},
		{elsewhere, "", "550-a 550 b", "The server says: 550-a 550 b"},
		{"none", "", "mail for x loops back to myself", "Postfix says: mail for x loops back to myself"},
		{elsewhere, "", "550 \x1b[2J\u202egone\x00", "The server says: 550 ?[2J?gone?"},
		{"", "5.9.9", "", `No words came with the status "5.9.9".`},
		{"", "", "", "The reply is empty."},
		{elsewhere, "", "550 " + strings.Repeat("long ", 100), "The server says: 550 " + strings.Repeat("long ", 79) + "l..."},
	}
	for _, test := range tests {
		got := explain(test.host, test.status, test.text)
		if got.Means != test.means || got.Class != Other || got.Entry != 0 || got.Fix != "" {
			t.Errorf("%q: %+v, want %q", test.text, got, test.means)
		}
	}
}

func TestSecondHandSaysUsually(t *testing.T) {
	if got := explain(atYahoo, "", "421 4.7.0 [TSS04] deferred").String(); !strings.HasPrefix(got, "Usually: Yahoo slows down") {
		t.Error(got)
	}
	if got := explain(atYahoo, "", "554 5.7.9 no").String(); got != "SPF, DKIM or DMARC failed." {
		t.Error(got)
	}
}

func TestReceiverIsNamed(t *testing.T) {
	for host, want := range map[string]string{
		atGmail: "Gmail", atOutlook: "Outlook.com", atExchange: "Exchange Online", atGMX: "GMX, web.de, mail.com",
		"dns; ASPMX.L.Google.com.": "Gmail", "university-example.o-v1.mx.microsoft": "Exchange Online",
		"[mx00.t-online.de]:25": "T-Online", "[2001:db8::1]:25": "", elsewhere: "", "com": "",
	} {
		if got := explain(host, "", "550 5.9.9 no").Receiver; got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
	if got := explain("none", "", "lost").Receiver; got != "Postfix of this host" {
		t.Errorf("none: %q", got)
	}
}
