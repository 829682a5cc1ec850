package demo

import (
	"errors"
	"fmt"
	"net/netip"

	"onbehalf/authorize"
	"onbehalf/message"
	"onbehalf/milter/mta"
)

// The platform. Its host is the one that sends.
const (
	hostIP   = "80.84.235.70"
	hostName = "mail.courseware.nl"
)

// configuration is the platform's, as its administrator would write it; %[1]s is
// the folder, %[2]s the DNS server. In the play a customer's DNS is looked up every second.
const configuration = `# the platform
listen: ["unix:%[1]s/milter.sock"]
socketmap: ""
admin: ""
state_dir: %[1]s
keys_dir: %[1]s
tenants_dir: %[1]s/tenants.d
log: {format: json}
platform:
  name: Courseware
  domain: courseware.nl
  from: noreply@courseware.nl
  bounce_domain: bounces.courseware.nl
  bounces_to: postmaster@courseware.nl
  sending_ips: [80.84.235.70]
  spf_include: spf.courseware.nl
  dkim: [{selector: cw1, key: courseware.pem}]
srs: {secrets: %[1]s/srs.secrets}
dns: {servers: ["%[2]s"], pending_every: 1s}

# its customers
tenants:
  - id: yourorg
    name: Your Organisation
    domains: [yourorganisationname.nl]
    dkim: [{selector: cw1, key: yourorg.pem}]
    submitters: {logins: [lms-yourorg]}
  - id: university
    name: Example University
    domains: [university.example]
    dkim: [{selector: cw1, key: university.pem}]
    submitters: {logins: [lms-university]}
  - id: museum
    name: Example Museum
    domains: [museum.example]
    submitters: {logins: [lms-museum]}
`

// customers are the domains whose mail depends on their DNS.
var customers = []string{"yourorganisationname.nl", "university.example", "museum.example"}

// zone is what everyone has published; the %s are DKIM records.
const zone = `
courseware.nl.                    TXT "v=spf1 ip4:80.84.235.70 -all"
spf.courseware.nl.                TXT "v=spf1 ip4:80.84.235.70 -all"
bounces.courseware.nl.            TXT "v=spf1 ip4:80.84.235.70 -all"
_dmarc.courseware.nl.             TXT "v=DMARC1; p=reject"
%s
yourorganisationname.nl.          TXT "v=spf1 ip4:192.0.2.10 -all"
_dmarc.yourorganisationname.nl.   TXT "v=DMARC1; p=reject"
university.example.               TXT "v=spf1 ip4:192.0.2.20 include:spf.courseware.nl -all"
_dmarc.university.example.        TXT "v=DMARC1; p=reject"
%s
museum.example.                   TXT "v=spf1 ip4:192.0.2.30 include:spf.courseware.nl -all"
_dmarc.museum.example.            TXT "v=DMARC1; p=quarantine"
`

// scene is one message of the play.
type scene struct {
	title  string
	lesson string
	login  string
	sender string
	from   string
	expect outcome
}

// outcome is what a scene must lead to: the demonstration checks itself.
type outcome struct{ without, with bool }

var scenes = []scene{
	{
		title:  "Your Organisation has published nothing for Courseware.",
		lesson: "The mail arrives from the first day, in the platform's name; replies and bounces still reach the author.",
		login:  "lms-yourorg", sender: "academy@yourorganisationname.nl",
		from:   "Academy <academy@yourorganisationname.nl>",
		expect: outcome{without: false, with: true},
	},
	{
		title:  "Example University has Courseware's SPF include and DKIM key in its DNS.",
		lesson: "It sends as itself, signed with its own key, so that it survives being forwarded.",
		login:  "lms-university", sender: "courses@university.example",
		from:   "=?utf-8?Q?Caf=C3=A9_des_Langues?= <courses@university.example>",
		expect: outcome{without: true, with: true},
	},
	{
		title:  "Example Museum has the SPF include only, and Courseware's software uses its own envelope sender.",
		lesson: "SPF must align with From: the author becomes the envelope sender, and From can stay.",
		login:  "lms-museum", sender: "lms@courseware.nl",
		from:   "Guided tours <tours@museum.example>",
		expect: outcome{without: false, with: true},
	},
	{
		title:  "The museum's login tries to send as the university.",
		lesson: "A customer can only speak for itself.",
		login:  "lms-museum", sender: "tours@museum.example",
		from:   "Examinations <exams@university.example>",
		expect: outcome{without: false, with: false},
	},
}

const body = "Dear student,\r\n\r\nYour course starts on Monday.\r\n"

func (s scene) mail(number int) mta.Mail {
	field := func(name, value string) message.Field { return message.Field{Name: name, Value: " " + value} }
	return mta.Mail{
		Client:     netip.MustParseAddr("127.0.0.1"),
		Login:      s.login,
		Host:       hostName,
		QueueID:    fmt.Sprintf("DEMO%d", number+1),
		Sender:     s.sender,
		Recipients: []string{"student@receiver.example"},
		Header: message.Header{
			field("From", s.from),
			field("To", "student@receiver.example"),
			field("Subject", "Your course starts on Monday"),
			field("Date", "Mon, 01 Jun 2026 09:00:00 +0200"),
			field("Message-ID", fmt.Sprintf("<%d@%s>", number+1, hostName)),
		},
		Body: []byte(body),
	}
}

// change is the scene in which the first customer publishes its key.
var change = scene{
	title:  "Your Organisation publishes the DKIM key that `onbehalf dns yourorg` shows. Nobody touches the platform.",
	lesson: "The next message leaves as its own. If the key is removed, mail leaves in the platform's name again.",
	login:  "lms-yourorg", sender: "academy@yourorganisationname.nl",
	from:   "Academy <academy@yourorganisationname.nl>",
	expect: outcome{without: false, with: true},
}

// check fails the demonstration when a scene does not lead where it should.
func (s scene) check(result mta.Result, without, with authorize.Opinion) error {
	if got := (outcome{without.Authenticated(), result.Reply == "" && with.Authenticated()}); got != s.expect {
		return errors.New("this should not have happened; please report it")
	}
	return nil
}

// bounceTo is the bounce that the receiver makes of the first message.
func bounceTo(recipient string) mta.Mail {
	return mta.Mail{
		Client:     netip.MustParseAddr("203.0.113.25"),
		Host:       hostName,
		QueueID:    "DEMOBOUNCE",
		Sender:     "<>",
		Recipients: []string{recipient},
		Header: message.Header{
			{Name: "From", Value: " MAILER-DAEMON@receiver.example"},
			{Name: "Subject", Value: " Undelivered Mail Returned to Sender"},
		},
		Body: []byte("student@receiver.example: no such user here\r\n"),
	}
}
