package test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"onbehalf/authorize/publish"
	"onbehalf/authorize/resolve"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
	"onbehalf/test/peer"
	"onbehalf/test/postfix"
)

// commandsIn takes the commands out of a letter that stand behind a sentence, as a person
// would copy them.
func commandsIn(t *testing.T, letter, behind string) string {
	t.Helper()
	words := strings.Join(strings.Fields(behind), `\s+`)
	found := regexp.MustCompile(words + `:\n\n((?:   .*\n)+)`).FindStringSubmatch(letter)
	if found == nil {
		t.Fatalf("the letter does not say %q:\n%s", behind, letter)
	}
	return found[1]
}

// What stands in the letter before commands.
const (
	forPostfix    = "As root, in a shell"
	forPostscreen = "it needs a table of its own"
)

// letterFor is the letter to a hospital with a mail server of its own.
func letterFor(t *testing.T, sendingIPs ...string) string {
	t.Helper()
	parse := func(s string) message.Domain {
		d, err := message.ParseDomain(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	hop, err := tenant.ParseNextHop("[mx.hospital.example]:25")
	if err != nil {
		t.Fatal(err)
	}
	p := &tenant.Platform{Name: "Courseware", Domain: parse("courseware.nl"), FromDomain: parse("courseware.nl"), Bounce: parse("bounces.courseware.nl"),
		SRS: tenant.SRS{Secrets: []tenant.Secret{tenant.NewSecret([]byte("0123456789abcdef"))}}}
	for _, ip := range sendingIPs {
		p.SendingIPs = append(p.SendingIPs, netip.MustParseAddr(ip))
	}
	one := &tenant.Tenant{
		ID: "hospital", Name: "City Hospital", Authorization: tenant.Authorized, Domains: []tenant.Pattern{{Domain: parse("hospital.example")}},
		Direct: tenant.Direct{Domains: []message.Domain{parse("hospital.example")}, NextHop: hop, TLS: tenant.TLSMay, Envelope: tenant.EnvelopeBounce},
	}
	var letter bytes.Buffer
	publish.Advisor{Platform: p, Keys: new(keys.Ring)}.Tenant(resolve.NewRecorder(t.Context(), emptyDNS{}), one).Letter(&letter)
	return letter.String()
}

// customer is a Postfix whose administrator follows the letter.
type customerPostfix struct {
	t *testing.T
	*postfix.Instance
}

// run runs commands of the letter as root would, in a shell.
func (c customerPostfix) run(commands string) {
	c.t.Helper()
	shell := exec.Command("/bin/sh", "-e", "-c", commands)
	shell.Env = append(os.Environ(), "MAIL_CONFIG="+c.ConfigDir, "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	if out, err := shell.CombinedOutput(); err != nil {
		c.t.Fatalf("%v\n%s\n%s", err, commands, out)
	}
}

// answer is what a client at the address gets for a message, or for the command that is refused.
func (c customerPostfix) answer(client, sender, recipient string) postfix.Reply {
	c.t.Helper()
	session := postfix.Dial(c.t, c.SMTPAddr)
	defer session.Do("QUIT") // after a reload, master(8) may be slow to start another smtpd
	session.XClient("ADDR=" + client)
	return session.Send(sender, []string{recipient}, []byte("From: academy@hospital.example\r\nSubject: test\r\n\r\n"))
}

// TestLetterForPostfix has customers' Postfixes, each with a rule that refuses us, configured by
// the letter and nothing else: then our mail is accepted, that of others refused as before, and
// nothing is relayed for us.
func TestLetterForPostfix(t *testing.T) {
	t.Parallel()
	const (
		ours   = "80.84.235.70"
		other  = "203.0.113.5"
		bounce = "SRS0=x=AA=hospital.example=academy@bounces.courseware.nl"
		own    = "academy@hospital.example"
		here   = "nurse@hospital.example"
		away   = "student@example.net"
	)
	commands := commandsIn(t, letterFor(t, ours, "2001:db8:7::7"), forPostfix)
	for _, test := range []struct {
		name, main, sender string
		code               int  // that refuses before
		alone              bool // no smtpd_relay_restrictions beside it
	}{
		{"the client is greylisted", "smtpd_client_restrictions = check_client_access static:{450 4.2.0 greylisted}\n", bounce, 450, false},
		{"the HELO name is refused", "smtpd_helo_required = yes\nsmtpd_helo_restrictions = check_helo_access static:{554 5.7.1 unknown}\n", bounce, 554, false},
		{"its own domain is refused as sender", "smtpd_sender_restrictions =\n  # from outside\n  check_sender_access inline:{{hospital.example = 550 5.7.1 that is our own domain}},\n  reject_unknown_sender_domain\n", own, 550, false},
		{"all are greylisted, late", "smtpd_recipient_restrictions =\n  reject_non_fqdn_recipient,\n# once per triplet\n  check_recipient_access static:{450 4.2.0 greylisted}\n", bounce, 450, false},
		{"in two lists", "smtpd_client_restrictions = check_client_access static:{554 5.7.1 listed}\nsmtpd_recipient_restrictions = check_sender_access static:{450 4.2.0 greylisted}\n", bounce, 554, false},
		{"as before Postfix 2.10, without relay restrictions", "smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination, check_client_access static:{450 4.2.0 greylisted}\n", bounce, 450, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sink := postfix.StartSink(t)
			c := customerPostfix{t, postfix.Start(t, postfix.Options{NextHop: sink.Addr,
				Main: "relay_domains = hospital.example\n" + test.main})}
			if test.alone {
				c.run("postconf -e smtpd_relay_restrictions=; postfix reload")
			}
			if r := c.answer(ours, test.sender, here); r.Code != test.code {
				t.Fatalf("before: %v, want %d", r, test.code)
			}
			c.run(commands)
			r := c.answer(ours, test.sender, here)
			for range 20 { // an old smtpd may take one more connection
				if r.OK() {
					break
				}
				time.Sleep(100 * time.Millisecond)
				r = c.answer(ours, test.sender, here)
			}
			if !r.OK() {
				t.Fatalf("after the letter was followed: %v", r)
			}
			if d := sink.Wait(t, 1)[0]; d.ReversePath != test.sender {
				t.Errorf("it arrives from %s", d.ReversePath)
			}
			if r := c.answer(other, test.sender, here); r.Code != test.code {
				t.Errorf("another client: %v, want %d", r, test.code)
			}
			if r := c.answer(ours, test.sender, away); r.OK() {
				t.Errorf("it relays for us: %v", r)
			}
			if log := c.Log(); strings.Contains(log, "warning:") {
				t.Errorf("Postfix warns:\n%s", log)
			}
		})
	}
}

// TestLetterForPostscreen is the same where postscreen comes first. It knows no XCLIENT, so
// the clients have addresses of loopback.
func TestLetterForPostscreen(t *testing.T) {
	t.Parallel()
	const ours, other = "127.0.0.70", "127.0.0.5"
	c := customerPostfix{t, postfix.Start(t, postfix.Options{NextHop: postfix.StartSink(t).Addr, Main: `relay_domains = hospital.example
postscreen_access_list = cidr:{{127.0.0.0/8 reject}}
postscreen_denylist_action = drop
postscreen_greet_wait = 1s
`})}
	addr := peer.FreeAddr(t)
	master := filepath.Join(c.ConfigDir, "master.cf")
	services := fmt.Sprintf("%s inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd\n", addr)
	before, err := os.ReadFile(master)
	if err == nil {
		err = os.WriteFile(master, append(before, services...), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.run("postfix reload")
	if greeting := greeted(t, ours, addr); !strings.HasPrefix(greeting, "521 ") {
		t.Fatalf("before: %s", greeting)
	}
	c.run(commandsIn(t, letterFor(t, ours), forPostscreen))
	greeting := greeted(t, ours, addr)
	for range 20 {
		if strings.HasPrefix(greeting, "220 ") {
			break
		}
		time.Sleep(100 * time.Millisecond)
		greeting = greeted(t, ours, addr)
	}
	if !strings.HasPrefix(greeting, "220 ") {
		t.Errorf("after the letter was followed: %s", greeting)
	}
	if greeting := greeted(t, other, addr); !strings.HasPrefix(greeting, "521 ") {
		t.Errorf("another client: %s", greeting)
	}
}

// greeted is the first line that a server says to a client at the address.
func greeted(t *testing.T, client, addr string) string {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}, Timeout: 10 * time.Second}
	var conn net.Conn
	var err error
	for range 50 { // until the new service listens
		if conn, err = dialer.Dial("tcp", addr); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}
