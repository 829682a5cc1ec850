package doctor

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"onbehalf/authorize"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/milter/mta"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// selftests try the daemon alone, and if it is asked for, Postfix before it.
func (d *doctor) selftests() {
	d.selftest()
	if d.SMTP {
		d.through()
	} else if d.Unread == nil {
		d.ok("this was at the socket, and bypassed Postfix; onbehalf doctor --smtp tries Postfix too")
	}
}

// selftest hands the daemon a message of the platform's own, as Postfix does, and judges what
// comes back. It goes nowhere: we are the mail server, and drop it.
func (d *doctor) selftest() {
	_, socket := d.wanted()
	if d.Table == nil || socket.IsZero() {
		d.skip("no message was signed", "the configuration does not load, so it is not known how", "")
		return
	}
	mail, plan, found := d.letter()
	if !found {
		d.skip("no message was signed", "by the configuration, no client may send as the platform", "look at platform.submitters and trust")
		return
	}
	result, err := pass(socket.Network, socket.Address, mail)
	switch {
	case os.IsPermission(err):
		d.skip("no message was signed", "we may not connect to "+socket.String(), "run onbehalf doctor as root")
	case err != nil:
		d.add(Finding{Level: Error, What: "no message could be handed in at " + socket.String(), Why: err.Error(), Fix: "see above, and the daemon's log", Commands: startCommands})
	case result.Reply != "":
		d.add(Finding{Level: Error, What: "the daemon answers a message of the platform's own with " + result.Reply, Why: "so it would do with " + mail.Sender,
			Fix: "the daemon's log says why, with queue id " + queueID, Commands: []string{"journalctl -u onbehalf -n 5"}})
	default:
		d.judge(result, mail, plan)
	}
}

// queueID marks the message in the daemon's log.
const queueID = "DOCTOR"

// letter writes the message, as a submitter who may send it. The plan is what onbehalf makes
// of it by the configuration on disk.
func (d *doctor) letter() (mta.Mail, rewrite.Plan, bool) {
	p := d.Table.Platform()
	author := message.Address{Local: "postmaster", Domain: p.Domain}
	m := p.Submitters.Letter(author, author, "onbehalf doctor", time.Now())
	m.Host, _ = message.ParseHost(d.Host)
	m.QueueID = queueID
	for _, who := range submitters(p) {
		m.Submitter = who
		if plan := rewrite.Decide(m, d.Table.Snapshot()); len(plan.Sign) > 0 {
			return mta.Mail{Client: who.Client, Local: who.Local, Login: who.Login, Host: d.Host, QueueID: queueID,
				Sender: author.String(), Recipients: []string{author.String()}, Header: m.Header, Body: []byte("Not to be delivered.\r\n")}, plan, true
		}
	}
	return mta.Mail{}, rewrite.Plan{}, false
}

// submitters are who may send as the platform, the likeliest first.
func submitters(p *tenant.Platform) []message.Submitter {
	loopback := netip.MustParseAddr("127.0.0.1")
	all := []message.Submitter{{Client: loopback}, {Client: loopback, Local: true}}
	for _, login := range p.Submitters.Logins {
		all = append(all, message.Submitter{Client: loopback, Login: login})
	}
	for _, network := range append(p.Submitters.Networks, p.Trust.Networks...) {
		all = append(all, message.Submitter{Client: network.Addr()})
	}
	return all
}

func pass(network, address string, mail mta.Mail) (mta.Result, error) {
	client, err := mta.Dial(network, address)
	if err != nil {
		return mta.Result{}, err
	}
	defer client.Close()
	if err := client.Connect(mail); err != nil {
		return mta.Result{}, err
	}
	return client.Send(mail)
}

// judge verifies the signatures by the public halves of the keys on disk: what DNS has is
// another question.
func (d *doctor) judge(result mta.Result, mail mta.Mail, plan rewrite.Plan) {
	octets := result.Header.String() + "\r\n" + string(mail.Body)
	signed := len(result.Header.All("DKIM-Signature")) > 0
	const reload = "see whether the daemon uses the configuration on disk, and reload it"
	switch {
	case !signed && plan.Shadow:
		d.ok("a message went through the socket and came back as it was, because policy.mode is shadow: nothing is signed yet")
		return
	case !signed:
		d.add(Finding{Level: Error, What: "a message of the platform's own came back unsigned",
			Why: "the daemon answers, and does not sign what it should by the configuration on disk",
			Fix: reload, Commands: []string{"systemctl reload onbehalf"}})
		return
	}
	good, faults := d.verify(octets)
	for _, id := range plan.Sign {
		if name := id.String(); good[name] {
			d.ok("a message came back with a signature by %s that verifies (%s)", name, id.Algorithm)
		} else {
			d.add(Finding{Level: Error, What: "the signature by " + name + " is missing, or does not verify", Why: strings.Join(faults, "; "),
				Fix: reload, Commands: []string{"systemctl reload onbehalf"}})
		}
	}
}

// verify returns the names of the keys whose signatures are good, and what is wrong with others.
func (d *doctor) verify(octets string) (good map[string]bool, faults []string) {
	good = make(map[string]bool)
	for _, id := range d.Table.Platform().Identities {
		answer := d.answer(id)
		verified, err := dkim.VerifyWithOptions(strings.NewReader(octets), &dkim.VerifyOptions{LookupTXT: answer})
		if err != nil {
			return good, []string{authorize.VerifyCause(err)}
		}
		for _, v := range verified {
			if v.Err == nil {
				good[id.String()] = true
			} else if !strings.Contains(v.Err.Error(), notAsked) {
				faults = append(faults, authorize.VerifyCause(v.Err))
			}
		}
	}
	return good, faults
}

// notAsked is what answer says of other keys.
const notAsked = "another key"

// answer stands in for DNS, and knows one key: the library does not say which signature
// a result is of.
func (d *doctor) answer(id tenant.Identity) func(string) ([]string, error) {
	return func(name string) ([]string, error) {
		key, held := d.Keys.Key(id)
		if !held || !strings.EqualFold(name, id.String()) {
			return nil, fmt.Errorf("%s", notAsked)
		}
		record, err := keys.Record(key.Public())
		return []string{record}, err
	}
}
