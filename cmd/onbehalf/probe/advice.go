package probe

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"onbehalf/tenant"
)

// advice is what follows from a kind of finding: for the operator, and for the tenant in a text
// that can be sent as it is.
type advice struct {
	fix func(j *judge, host string) string
	ask func(j *judge, host string) string
}

// says is advice without anything to fill in.
func says(text string) func(*judge, string) string {
	return func(*judge, string) string { return text }
}

// letIn asks the tenant to accept our mail, whatever product its server is.
func letIn(j *judge, host string) string {
	return fmt.Sprintf("Please let your mail server %s accept our mail for %s: it comes from %s (%s), with an envelope sender in %s.",
		host, j.Domain, ips(j.Caller.SendingIPs), j.Caller.Hello, j.Bounce)
}

func openPort(j *judge, host string) string {
	return fmt.Sprintf("Please let %s connect to your mail server %s on port %d.", ips(j.Caller.SendingIPs), host, j.NextHop.Port)
}

func connector(j *judge, _ string) string {
	return fmt.Sprintf("Please add, in the Exchange admin center, an inbound connector of type Partner that identifies us by %s. "+
		"It works about an hour later.", j.identity())
}

// identity is what a connector can know us by.
func (j *judge) identity() string {
	text := "IP " + ips(j.Caller.SendingIPs)
	if c := j.Caller.Certificate; c != nil {
		text += " or by the certificate name " + orNone(c.Names)
	}
	return text
}

// advices are by kind; kinds without one have the fix of package receivers, or need none.
var advices = map[Kind]advice{
	NoSuchName: {says("Correct direct.next_hop, or ask the tenant for the name of its mail server."), func(j *judge, host string) string {
		return fmt.Sprintf("Which mail server do you want our mail for %s delivered to? %s has no address in DNS.", j.Domain, host)
	}},
	NullMX:   {says("Set direct.next_hop to the tenant's mail server in brackets, so that its MX records are not looked up."), nil},
	NoAnswer: {says("Check that the DNS servers of this host answer: onbehalf doctor. Postfix tries again by itself."), nil},

	TimedOut: {says("Check that this host may connect to that port at all (providers often block port 25). Postfix waits longer: 30 seconds for a connection, 5 minutes for a reply."), openPort},
	Refused:  {says("Check the port in direct.next_hop."), openPort},
	Unreachable: {says("Check the routes of this host. Without IPv6, run: postconf -e inet_protocols=ipv4"),
		nil},
	Closed: {nil, letIn},
	NoSMTP: {says("Check host and port in direct.next_hop: another service answers there."), nil},

	NoSTARTTLS: {func(j *judge, _ string) string {
		if j.TLS == tenant.TLSMay {
			return ""
		}
		return "Set direct.tls: may, if plain text is acceptable, or ask the tenant to switch TLS on."
	}, func(_ *judge, host string) string {
		return fmt.Sprintf("Please switch on STARTTLS at your mail server %s, with a certificate for that name.", host)
	}},
	TLSFailed: {says("Find out which versions and ciphers the server offers: openssl s_client -starttls smtp -connect HOST:PORT"), func(_ *judge, host string) string {
		return fmt.Sprintf("STARTTLS fails at your mail server %s. Please make sure that it speaks TLS 1.2 or later.", host)
	}},
	CertificateName: {says("Set direct.next_hop to a name that the certificate has, or direct.tls: encrypt."), func(_ *judge, host string) string {
		return fmt.Sprintf("Please give your mail server %s a certificate with that name, or send us the name in its certificate to deliver to.", host)
	}},
	CertificateTrust: {says("Add the authority to smtp_tls_CAfile or smtp_tls_CApath of Postfix, or set direct.tls: encrypt."), func(_ *judge, host string) string {
		return fmt.Sprintf("Please give your mail server %s a certificate of a public authority, and have it send the whole chain.", host)
	}},
	CertificateExpired: {says("Until it is renewed, set direct.tls: encrypt."), func(_ *judge, host string) string {
		return fmt.Sprintf("Please renew the certificate of your mail server %s: it has expired.", host)
	}},

	RejectDirectSend: {func(j *judge, _ string) string {
		if Sender(j.Envelope) == AuthorSender {
			return "Set direct.envelope: bounce, or ask the tenant to add a connector."
		}
		return "Ask the tenant to add a connector."
	}, func(j *judge, host string) string {
		return "Your Exchange Online has Reject Direct Send switched on, so it refuses mail from outside that has your own domain as envelope sender " +
			"(550 5.7.68; your message trace does not show it). " + connector(j, host)
	}},
	NoConnector: {nil, func(j *judge, _ string) string {
		return fmt.Sprintf("No inbound connector of your Exchange Online matches our mail. Please compare your connectors with what we send from: %s.", j.identity())
	}},
	Throttled: {nil, connector},
	Greylisting: {nil, func(j *judge, host string) string {
		return fmt.Sprintf("You may exempt %s from greylisting at your mail server %s: our mail then comes without delay.", ips(j.Caller.SendingIPs), host)
	}},
	NotOurIP:      {nil, letIn},
	RelayDenied:   {nil, letIn},
	SenderRefused: {nil, letIn},
	BlockList:     {nil, letIn},
	AntiSpoofing:  {nil, letIn},
	InboundGateway: {nil, func(j *judge, _ string) string {
		return fmt.Sprintf("Please add %s to the inbound gateway in your Google Admin console (Apps, Google Workspace, Gmail, Spam). "+
			"\"Reject all mail not from gateway IPs\" is switched on there, so Gmail takes mail for %s from listed IPs only.", ips(j.Caller.SendingIPs), j.Domain)
	}},
	TLSRequired: {says("Set direct.tls: encrypt for the tenant."), nil},
	NoPostmaster: {says("The server takes our sender; the probe cannot say whether it takes mail for other recipients. Send a message to one: onbehalf selftest --to ADDRESS"),
		func(j *judge, _ string) string {
			return fmt.Sprintf("Your mail server has no postmaster@%s, which every domain with mail needs (RFC 5321 section 4.5.1).", j.Domain)
		}},
	ReplyUnknown: {says("Send the text of the reply to the administrators of the server."), letIn},
}

// ofTrouble completes a finding with its kind, and what follows from that.
func (j *judge) ofTrouble(t Trouble, f Finding) Finding {
	f.Kind = t.Kind
	host := j.NextHop.Name.String()
	for _, h := range j.Hosts {
		if h.String() == f.Host && !h.Name.IsZero() {
			host = h.Name.String()
		}
	}
	host = cmp.Or(host, j.NextHop.Addr.String())
	if a := advices[f.Kind]; a.fix != nil {
		f.Fix = a.fix(j, host)
	}
	if a := advices[f.Kind]; a.ask != nil {
		f.Ask = a.ask(j, host)
	}
	return f
}

func ips(all []netip.Addr) string {
	var texts []string
	for _, ip := range all {
		texts = append(texts, ip.String())
	}
	return strings.Join(texts, ", ")
}
