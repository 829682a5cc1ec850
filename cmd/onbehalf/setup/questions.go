package setup

import (
	"net/netip"
	"slices"
	"strings"

	"onbehalf/authorize/publish"
	"onbehalf/dmarc"
	"onbehalf/message"
)

// question is one answer to be had: from a flag, from a person, or by default.
type question struct {
	Flag, Key string // Key is where the configuration has it
	title     string
	why       string // what it is for, in one line
	get       func(Answers) string
	set       func(*Answers, string)
	// standard returns what is taken when nothing is said, of the answers so far; empty: it
	// must be said.
	standard func(Answers, Host) string
	// offered is taken without a question; it is said what was taken.
	offered bool
	// hint says what the host has to do with it; nil, or empty: nothing.
	hint func(Host) string
}

// Host is what a machine says about itself.
type Host struct {
	Name     string
	Addrs    []netip.Addr
	Networks []netip.Prefix // other than loopback, whose clients Postfix lets send without a login
	Logins   []string       // services of Postfix where clients log in
	Named    []netip.Addr   // of its name in DNS, where it has no public address of its own
}

// questions are asked in this order. The defaults of domain and networks are for people, who see
// them: see Complete.
var questions = []question{
	{"name", "platform.name", "Name of the platform", `recipients read it: "Academy via NAME"`,
		func(a Answers) string { return a.Name }, func(a *Answers, s string) { a.Name = s },
		func(Answers, Host) string { return "" }, false, nil},
	{"domain", "platform.domain", "Domain of the platform", "signs its mail, and that of tenants that have not published a key",
		func(a Answers) string { return a.Domain }, func(a *Answers, s string) { a.Domain = s },
		func(_ Answers, h Host) string { return h.domain() }, false, nil},
	{"bounce-domain", "platform.bounce_domain", "Bounce domain", "bounces come back there; nothing else may use it",
		func(a Answers) string { return a.BounceDomain }, func(a *Answers, s string) { a.BounceDomain = s },
		func(a Answers, _ Host) string { return "bounces." + a.Domain }, false, nil},
	{"from", "platform.from", "Address in From", "replaces From when the author's domain has not authorized this host",
		func(a Answers) string { return a.From }, func(a *Answers, s string) { a.From = s },
		func(a Answers, _ Host) string { return "noreply@" + a.Domain }, false, nil},
	{"bounces-to", "platform.bounces_to", "Mailbox for bounces", "gets the bounces that belong to no author; people should read it",
		func(a Answers) string { return a.BouncesTo }, func(a *Answers, s string) { a.BouncesTo = s },
		func(a Answers, _ Host) string { return "postmaster@" + a.Domain }, false, nil},
	{"sending-ip", "platform.sending_ips", "Sending addresses", "the IP addresses that receivers see this host's mail come from",
		func(a Answers) string { return join(a.SendingIPs) }, func(a *Answers, s string) { a.SendingIPs = split(s) },
		func(_ Answers, h Host) string { return join(h.offered()) }, false, Host.noAddress},
	{"selector", "platform.dkim", "Selectors", "names of the RSA and the Ed25519 key in DNS, below _domainkey",
		func(a Answers) string { return join(a.Selectors) }, func(a *Answers, s string) { a.Selectors = split(s) },
		func(Answers, Host) string { return "ob1, ob2" }, false, nil},
	{"trust", "trust.networks", "Application servers", "networks whose mail is signed and rewritten without a login, or none",
		func(a Answers) string { return join(a.Trusted) }, func(a *Answers, s string) { a.Trusted = split(s) },
		func(_ Answers, h Host) string { return h.networks() }, false, Host.clients},
	{"spf-include", "platform.spf_include", "Name for SPF", "tenants include it; addresses can change",
		func(a Answers) string { return a.SPFInclude }, func(a *Answers, s string) { a.SPFInclude = s },
		func(a Answers, _ Host) string { return "spf." + a.Domain }, true, nil},
}

// hidden returns the first address in an answer that receivers on the Internet cannot see; empty:
// there is none, or these are no addresses.
func (q question) hidden(value string) string {
	if q.Flag != "sending-ip" {
		return ""
	}
	for _, text := range split(value) {
		if addr, err := netip.ParseAddr(text); err == nil && !publish.Public(addr) {
			return text
		}
	}
	return ""
}

// NoInclude is the answer that tenants get addresses in place of a name.
const NoInclude = "none"

// NoNetwork is the answer that clients on other hosts have to log in.
const NoNetwork = "none"

// domain returns the domain that a host like mail.courseware.nl is probably one of.
func (h Host) domain() string {
	d, err := message.ParseDomain(h.Name)
	if err != nil || d.Parent().IsZero() || slices.Contains([]string{"localdomain", "local", "internal", "lan"}, h.Name[strings.LastIndex(h.Name, ".")+1:]) {
		return ""
	}
	return dmarc.Listed(d).Unicode()
}

// Complete returns the answers with defaults for those that are empty, and the flags of
// those that have none. The domain is not guessed, and no network is trusted by itself: there is no
// person to see it, and a gateway may be among them.
func (a Answers) Complete(h Host) (whole Answers, missing []string) {
	for _, q := range questions {
		if q.get(a) != "" {
			continue
		}
		value := q.standard(a, h)
		switch q.Flag {
		case "trust":
			value = NoNetwork
		case "sending-ip":
			value = join(h.Public()) // what DNS says of a name is for a person to see first
		}
		if value == "" || q.Flag == "domain" {
			missing = append(missing, "--"+q.Flag)
			continue
		}
		q.set(&a, value)
	}
	return a, missing
}
