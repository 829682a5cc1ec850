package receivers

import (
	"slices"
	"strings"
	"testing"
	"unicode"
)

// Hosts that answer.
const (
	atGmail    = "gmail-smtp-in.l.google.com[192.0.2.26]:25"
	atOutlook  = "hotmail-com.olc.protection.outlook.com[192.0.2.1]:25"
	atExchange = "university-example.mail.protection.outlook.com[192.0.2.2]:25"
	atYahoo    = "mta5.am0.yahoodns.net[192.0.2.3]:25"
	atGMX      = "mx00.emig.gmx.net[192.0.2.4]:25"
	atICloud   = "mx01.mail.icloud.com[192.0.2.5]:25"
	atTOnline  = "mx03.t-online.de[192.0.2.6]:25"
	atLaposte  = "smtpz4.laposte.net[192.0.2.7]:25"
	atOrange   = "smtp-in.orange.fr[192.0.2.8]:25"
	elsewhere  = "mx.receiver.example[203.0.113.25]:25"
)

// samples has a reply for every entry of the table, at least.
var samples = []struct {
	n     int
	class Class
	host  string
	reply string
}{
	{1, Auth, atGmail, "550-5.7.26 Blocked because the sender is unauthenticated. DKIM did not pass, SPF did not 550 5.7.26 pass. a1-2.3 - gsmtp"},
	{2, Auth, atGmail, "550-5.7.26 Unauthenticated email from university.example is not taken due to its 550 5.7.26 DMARC policy. - gsmtp"},
	{3, Auth, atGmail, "550-5.7.26 The MAIL FROM domain has an SPF record with a hard fail policy (-all) 550 5.7.26 - gsmtp"},
	{4, Auth, atGmail, "421 4.7.26 Rate limited because it is unauthenticated. - gsmtp"},
	{5, Auth, atGmail, "451 4.7.26 Unauthenticated mail: rate limited, for a temporary DNS failure at the DMARC policy. - gsmtp"},
	{6, Auth, atGmail, "550 5.7.27 SPF did not pass. - gsmtp"},
	{6, Auth, atGmail, "421 4.7.27 SPF did not pass. - gsmtp"},
	{7, Auth, atGmail, "550 5.7.30 DKIM did not pass. - gsmtp"},
	{7, Auth, atGmail, "421 4.7.30 DKIM did not pass. - gsmtp"},
	{8, Auth, atGmail, "421 5.7.32 From is not aligned. - gsmtp"},
	{8, Auth, elsewhere, "421-4.7.32 slowed down: the From domain is aligned with 421 4.7.32 neither the SPF nor the DKIM domain"},
	{9, Auth, atGmail, "421 4.7.40 The domain has no DMARC record. - gsmtp"},
	{9, Auth, atGmail, "550 5.7.40 The domain has no DMARC policy. - gsmtp"},
	{10, Reputation, atGmail, "550 5.7.25 The IP has no PTR record. - gsmtp"},
	{10, Reputation, atGmail, "421 4.7.0 The PTR record does not lead back. - gsmtp"},
	{11, Auth, atGmail, "550 5.7.24 The SPF record has suspicious entries. - gsmtp"},
	{12, Reputation, atGmail, "421 4.7.28 An unusual rate of mail comes from your DKIM domain. - gsmtp"},
	{12, Reputation, atGmail, "550 5.7.28 An unusual rate of mail has the same Message-ID. - gsmtp"},
	{12, Reputation, atGmail, "421 4.7.28 An unusual rate of mail comes from your IP address. - gsmtp"},
	{13, Ours, atGmail, "421 4.7.29 This needs a TLS connection. - gsmtp"},
	{14, Policy, atGmail, "421 4.7.0 IP not in whitelist for RCPT domain, closing connection. - gsmtp"},
	{15, Policy, atGmail, "421 4.7.0 TLS required for RCPT domain, closing connection. - gsmtp"},
	{16, Policy, atGmail, "550 5.7.1 Refused by a rule of the domain, see ?p=gcdp - gsmtp"},
	{17, Form, atGmail, "550 5.7.1 The message has multiple addresses in the From header. - gsmtp"},
	{18, Reputation, atGmail, "550 5.7.1 Refused for the very low reputation of the sending IP address. - gsmtp"},
	{18, Reputation, atGmail, "550 5.7.1 Refused for the very low reputation of the sending domain. - gsmtp"},
	{19, Mailbox, atGmail, "550 5.1.1 That account does not exist. - gsmtp"},
	{19, Mailbox, atGmail, "452 4.2.2 The inbox is out of storage space. - gsmtp"},
	{19, Mailbox, atGmail, "550 5.2.1 That account is inactive. - gsmtp"},

	{20, Auth, atOutlook, "550 5.7.515 Access denied, the domain does not meet the required authentication level. Spf= Fail, Dkim= Pass, DMARC= Pass"},
	{20, Auth, atExchange, "550 5.7.515 Access denied, the domain does not meet the required authentication level."},
	{21, Auth, atExchange, "550 5.7.509 Access denied, sending domain does not pass DMARC and has a policy of reject."},
	{22, Auth, "AM0PR01.eurprd01.prod.outlook.com", "smtp;550 5.7.23 Sender Policy Framework violation -> 553 Message filtered. (#5.7.1)"},
	{23, Policy, atExchange, "550 5.7.68 TenantInboundAttribution; Direct Send not allowed"},
	{24, Policy, atExchange, "550 5.7.64 TenantAttribution; Relay Access Denied"},
	{25, Reputation, atExchange, "451 4.7.500 Server busy. Try again later. (S77719)"},
	{25, Reputation, atExchange, "451 4.7.699 Server busy. (AS1)"},
	{26, Reputation, atExchange, "550 5.7.606 Access denied, banned sending IP [192.0.2.1]"},
	{26, Reputation, atExchange, "550 5.7.511 Access denied, banned sender."},
	{27, Policy, atExchange, "550 5.7.513 Client host blocked by customer block list"},
	{28, Policy, atExchange, "550 5.7.124 Sender not in the allowed list of the group, not authenticated"},
	{29, Ours, "outlook.office365.com", "530 5.7.57 Client not authenticated to send anonymous mail during MAIL FROM"},
	{30, Form, atExchange, "550 5.7.512 Does not comply with RFC 5322 section 3.6.2"},
	{31, Mailbox, atExchange, "550 5.1.10 Recipient not found"},
	{31, Mailbox, atExchange, "550 5.4.1 Recipient address rejected: Access denied"},
	{31, Mailbox, atOutlook, "550 5.5.0 The mailbox is not available"},
	{32, Mailbox, atExchange, "432 4.3.2 Concurrent connections: thread limit exceeded"},
	{33, Policy, atExchange, "451 4.4.62 Mail sent to the wrong Office 365 region. ATTR35"},
	{34, Reputation, atOutlook, "550 5.7.1 Part of the network is on our block list (S3150)."},
	{35, Reputation, atOutlook, "451 4.7.650 The mail server has been temporarily rate limited due to IP reputation. (S775)"},

	{36, Auth, atYahoo, "554 5.7.9 Message not accepted for policy reasons."},
	{37, Reputation, atYahoo, "421 4.7.0 [TSS04] Messages temporarily deferred"},
	{37, Reputation, atYahoo, "421 4.7.1 [TS03] All messages will be permanently deferred"},
	{38, Ours, atYahoo, "451 Message deferred due to unresolvable RFC.5321 domain"},
	{39, Reputation, atYahoo, "553 5.7.1 [BL21] Connections will not be accepted"},
	{40, Auth, atGMX, "554-Transaction failed 554-Reject due to policy restrictions. 554 see https://postmaster.gmx.net/en/case?c=r2001&i=ip"},
	{41, Auth, atGMX, "550-Requested action not taken 550 Reject due to SPF policy."},
	{42, Reputation, atGMX, "554-No SMTP service 554-IP address is block listed. 554 see https://postmaster.gmx.net/en/case?c=r0201&i=ip"},
	{42, Reputation, atGMX, "554-No SMTP service 554 see https://postmaster.gmx.net/en/case?c=rdns&i=ip"},
	{43, Auth, atICloud, "554 5.7.1 Refused due to the domain's DMARC policy"},
	{44, Auth, atICloud, "554 5.7.1 [HME1] Both checks failed"},
	{45, Policy, atICloud, "550 5.7.1 [CS01] Message rejected due to local policy."},
	{46, Reputation, atICloud, "421 4.7.1 Service refused: excessive volume"},
	{46, Reputation, atICloud, "554 5.7.1 Listed by the Spamhaus DBL"},
	{46, Mailbox, atICloud, "550 5.1.1 User does not exist"},
	{47, Reputation, atTOnline, "554 IP=192.0.2.1 - None/bad reputation. (NOWL)"},
	{48, Reputation, atTOnline, "554 IP=192.0.2.1 - Dialup/transient IP not allowed. (DIAL)"},
	{49, Auth, atLaposte, "550 5.5.0 Service refuse. LPN007_517"},
	{50, Policy, atLaposte, "450 4.1.8 Sender address rejected. LPN007_405"},
	{51, Reputation, atLaposte, "450 4.7.1 Service refuse. Veuillez essayer plus tard. LPN027_503"},
	{51, Reputation, atOrange, "421 Service refuse. Veuillez essayer plus tard. OFR004_104"},
	{52, Policy, "eu-smtp-inbound-1.mimecast.com", "550 Rejected by header based Anti-Spoofing policy: a@university.example"},
	{53, Auth, "cluster5.eu.messagelabs.com", "553-Message filtered by SPF, 553 see the page. (#5.7.1)"},
	{54, Auth, "mx1.emailsrvr.com", "450 4.4.0 Temporary failure at DMARC (G1E)"},
	{55, Reputation, "mx1.emailsrvr.com", "450 4.7.1 No PTR (G1F)"},
	{55, Reputation, "mx1.emailsrvr.com", "451 4.7.1 New IP (G28)"},

	{56, Auth, elsewhere, "550 5.7.20 No passing DKIM signature found"},
	{56, Auth, elsewhere, "550 5.7.22 No valid author-matched DKIM signature found"},
	{56, Auth, elsewhere, "550 5.7.23 SPF validation failed"},
	{56, Reputation, elsewhere, "450 4.7.25 Client host rejected: cannot find your hostname"},
	{56, Auth, elsewhere, "550-5.7.26 neither SPF nor DKIM vouches for this sender; 550-5.7.26 SPF did not pass, 550 5.7.26 see https://help.receiver.example/auth"},
	{57, Ours, elsewhere, "550 5.7.27 Sender address has null MX"},
	{57, Mailbox, elsewhere, "556 5.1.10 Recipient address has null MX"},
	{58, Ours, "none", "client TLS configuration problem"},
	{59, Ours, "", "451 4.3.0 <x@receiver.example>: Temporary lookup failure"},
	{60, Other, "none", "connect to mail.down.example[203.0.113.99]:25: Connection refused"},
	{60, Other, "none", "Host or domain name not found. Name service error for name=down.example type=MX: Host not found"},
	{60, Other, "none", "connect to mail.down.example[203.0.113.99]:25: Connection timed out"},
	{60, Other, elsewhere, "4.4.2 conversation ended while sending RCPT TO"},

	{61, Mailbox, elsewhere, "550 5.1.1 no such mailbox here"},
	{61, Mailbox, elsewhere, "452 4.2.2 mailbox full"},
	{61, Mailbox, elsewhere, "550 5.2.1 mailbox disabled"},
	{62, Policy, elsewhere, "450 4.2.0 <x@receiver.example>: Recipient address rejected: Greylisted"},
	{62, Policy, elsewhere, "451 4.7.1 first seen, come again"},
	{62, Policy, elsewhere, "451 4.7.1 Try again later"},
	{63, Policy, elsewhere, "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied"},
	{64, Policy, elsewhere, "554 5.7.1 <x@university.example>: Relay access denied"},
	{65, Reputation, elsewhere, "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using bl.example"},
	{66, Auth, elsewhere, "550 5.7.1 rejected by DMARC policy for university.example"},
	{69, Policy, elsewhere, "554 5.7.1 <a@bounces.courseware.nl>: Sender address rejected: Access denied"},
	{70, Policy, elsewhere, "554 5.7.1 <a@university.example>: Recipient address rejected: Access denied"},
	{71, Reputation, elsewhere, "450 4.7.1 <mail.courseware.nl>: Helo command rejected: Host not found"},
	{72, Ours, elsewhere, "450 4.1.8 <a@bounces.courseware.nl>: Sender address rejected: Domain not found"},
	{67, Ours, elsewhere, "TLS is required, but was not offered by host mx.receiver.example[203.0.113.25]"},
	{67, Ours, elsewhere, "Server certificate not verified"},
	{68, Ours, "", "451 4.7.1 Service unavailable - try again later"},
}

func TestEveryEntryExplainsAReply(t *testing.T) {
	met := make(map[*entry]bool)
	for _, s := range samples {
		r := ParseReply(s.reply)
		r.Host = s.host
		got := Explain(r)
		met[entryOf(r)] = true
		if got.Entry != s.n || got.Class != s.class {
			t.Errorf("%s at %s: entry %d, %s; want %d, %s", s.reply, s.host, got.Entry, got.Class, s.n, s.class)
		}
	}
	for i, e := range table {
		if !met[&table[i]] {
			t.Errorf("no sample reaches entry %d: %s", e.n, e.means)
		}
	}
}

func entryOf(r Reply) *entry {
	for _, who := range recognize(hostOf(r.Host), r) {
		if e := find(who, r); e != nil {
			return e
		}
	}
	return nil
}

func TestEntriesReadWell(t *testing.T) {
	classes := []Class{Auth, Policy, Reputation, Mailbox, Form, Ours, Other}
	for _, e := range table {
		if !isSentence(e.means) || !isSentence(e.fix) {
			t.Errorf("entry %d: not a sentence: %q, %q", e.n, e.means, e.fix)
		}
		if !slices.Contains(classes, e.class) {
			t.Errorf("entry %d: class %q", e.n, e.class)
		}
		if words := e.says + e.unless; words != strings.ToLower(words) {
			t.Errorf("entry %d: words are compared in lower case: %s", e.n, words)
		}
		if e.codes == "" && e.says == "" {
			t.Errorf("entry %d is found in any reply", e.n)
		}
	}
}

// TestSecondHand: what no receiver's own page says is not passed off as certain.
func TestSecondHand(t *testing.T) {
	var got []int
	for _, e := range table {
		if e.usually && !slices.Contains(got, e.n) {
			got = append(got, e.n)
		}
	}
	slices.Sort(got)
	if want := []int{34, 35, 37, 39, 44, 49, 50, 51, 52, 62}; !slices.Equal(got, want) {
		t.Errorf("%d, want %d", got, want)
	}
}

func isSentence(s string) bool {
	return s != "" && strings.HasSuffix(s, ".") && !unicode.IsSpace(rune(s[0]))
}
