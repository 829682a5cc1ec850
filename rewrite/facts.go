package rewrite

import (
	"cmp"
	"fmt"
	"slices"

	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

// senderClass is whose domain the author writes from.
type senderClass int

const (
	ofNoTenant senderClass = iota
	ofPlatform
	ofTenant
)

// facts is what the decision table asks of one message.
type facts struct {
	m        message.Message
	s        *tenant.Snapshot
	platform *tenant.Platform
	policy   tenant.Policy

	fields     []message.Field // From, as received
	author     message.Author
	unreadable string // why there is not one author; empty: there is
	distrusted string // why the message is not ours to decide about; empty: it is
	trusted    bool
	stranger   string           // the client that the message came to this host from, not trusted
	chosen     *message.Address // takes the place of an envelope sender that nobody chose
	forbidden  string           // why the submitter may not send this; empty: it may
	ownBounce  bool             // Postfix itself made the message
	byNetwork  bool             // what forbids it is the network, not a login

	class  senderClass
	tenant *tenant.Tenant // of the author; of an unreadable one: of the submitter
	bound  *tenant.Tenant // that the submitter is bound to
	domain message.Domain // of the author

	redirects    []Redirect       // recipients of ours, which are redirected
	destinations []message.Domain // of all recipients, where they are delivered
	doubted      string           // why a mechanism does not count that was there; empty: there is none
	notDirect    string           // why not all recipients are delivered directly; empty: they are, or none is

	spf, key, path bool              // S, K and R
	live           []tenant.Identity // the keys behind K
	consulted      []message.Domain  // whose standing that rests on

	lastOwner struct {
		domain message.Domain
		tenant *tenant.Tenant
		apex   message.Domain
	}
	lastStanding tenant.Standing
}

// owner is Snapshot.Owner, and standing Snapshot.Standing; they remember their last answer, because
// the table asks for the same domain again and again.
func (f *facts) owner(d message.Domain) (*tenant.Tenant, message.Domain) {
	if f.lastOwner.domain != d {
		f.lastOwner.domain = d
		f.lastOwner.tenant, f.lastOwner.apex = f.s.Owner(d)
	}
	return f.lastOwner.tenant, f.lastOwner.apex
}

func (f *facts) standing(d message.Domain) tenant.Standing {
	if f.lastStanding.Domain != d {
		f.lastStanding = f.s.Standing(d)
	}
	return f.lastStanding
}

func gather(m message.Message, s *tenant.Snapshot) *facts {
	m.Submitter.Login = s.Platform().Trust.Login(m.Submitter.Login)
	f := &facts{m: m, s: s, platform: s.Platform(), fields: m.Header.All("From")}
	f.policy = f.platform.Policy
	f.readAuthor()
	f.ownBounce = f.madeByPostfix()
	f.readRecipients()
	if !f.platform.Trusts(m.Submitter) {
		f.distrusted = "submitter is not trusted"
		return f
	}
	if !f.ownBounce {
		f.bound = s.BoundTo(m.Submitter)
	}
	f.readClass()
	f.forbidden = f.forbids(f.bound)
	if f.stranger = f.cameFrom(); f.stranger != "" {
		f.distrusted = "it came to this host from a client that is not trusted"
		if f.handsBack() {
			f.forbidden = ""
		}
	}
	f.trusted = f.distrusted == ""
	if f.unreadable != "" {
		f.tenant = f.bound
	}
	f.policy = f.policyOf(f.tenant)
	if !f.trusted {
		return f
	}
	f.chooseSender()
	if f.unreadable == "" && f.class == ofTenant {
		f.readStanding()
	}
	return f
}

func (f *facts) policyOf(t *tenant.Tenant) tenant.Policy {
	if t == nil {
		return f.platform.Policy
	}
	return t.Policy
}

// maxAuthors is how many mailboxes one From may hold.
const maxAuthors = 50

// readAuthor reads From; without one the envelope sender is the author.
func (f *facts) readAuthor() {
	switch len(f.fields) {
	case 0:
		if sender := f.m.Envelope.ReversePath; sender.Readable() {
			f.author.Mailboxes = []message.Mailbox{{Address: sender.Address}}
		} else {
			f.unreadable = "there is no From field and no envelope sender to make one from"
		}
	case 1:
		author, err := message.ParseCompletedFrom(f.fields[0].Value, f.completes)
		switch f.author = author; {
		case err != nil:
			f.unreadable = "From: " + err.Error()
		case len(author.Mailboxes) > maxAuthors: // which are asked about all the same: may the submitter use them?
			f.unreadable = fmt.Sprintf("From: it holds more than %d mailboxes", maxAuthors)
		case author.Repaired && len(f.standardFrom()) > maxWritten:
			f.unreadable = fmt.Sprintf("From: written in standard form it would be longer than %d bytes", maxWritten)
		}
	default:
		f.unreadable = fmt.Sprintf("there are %d From fields", len(f.fields))
	}
}

// readClass finds whose domain the author's is. Mailboxes of several parties are
// not one author.
func (f *facts) readClass() {
	for i, mailbox := range f.author.Mailboxes {
		class, owner := f.classOf(mailbox.Address.Domain)
		if i == 0 {
			f.class, f.tenant, f.domain = class, owner, mailbox.Address.Domain
			continue
		}
		if class != f.class || owner != f.tenant || class == ofNoTenant && mailbox.Address.Domain != f.domain {
			f.unreadable = "From holds mailboxes of several parties"
		}
	}
}

func (f *facts) classOf(d message.Domain) (senderClass, *tenant.Tenant) {
	if f.platform.Owns(d) || d == f.m.Host {
		return ofPlatform, nil
	}
	if owner, _ := f.owner(d); owner != nil {
		return ofTenant, owner
	}
	return ofNoTenant, nil
}

// forbids says why the submitter may not use this author. Every mailbox that can
// be read is looked at, so that nothing hides behind an unreadable one.
func (f *facts) forbids(bound *tenant.Tenant) string {
	if f.ownBounce {
		return ""
	}
	if login := f.m.Submitter.Login; login != "" && bound == nil && f.policy.UnboundLogins == tenant.UnboundRefuse && !f.platform.Submitters.Include(f.m.Submitter) {
		return fmt.Sprintf("the login %s belongs to no tenant, and policy.unbound_logins refuses such logins", login)
	}
	for _, author := range f.everyMailbox() {
		if reason := f.forbidsFrom(author.Address.Domain, bound); reason != "" {
			return reason
		}
	}
	return f.forbidsField("Resent-From", bound)
}

// forbidsFrom says why the submitter may not send from a domain.
func (f *facts) forbidsFrom(d message.Domain, bound *tenant.Tenant) string {
	class, owner := f.classOf(d)
	who := f.platform.Submitters
	if owner != nil {
		who = owner.Submitters
	}
	switch {
	case f.ownBounce:
		return ""
	case bound != nil && owner != bound && f.m.Submitter.Login == "":
		f.byNetwork = true
		return fmt.Sprintf("the network of %s may only send as tenant %s, not from %s", f.m.Submitter.Client.Unmap(), bound.ID, d)
	case bound != nil && owner != bound:
		return fmt.Sprintf("the submitter may only send as tenant %s, not from %s", bound.ID, d)
	case class == ofNoTenant || who.IsZero() || who.Include(f.m.Submitter):
		return ""
	}
	if f.byNetwork = len(who.Logins) == 0; f.byNetwork {
		return fmt.Sprintf("only clients in its own networks may send from %s", d)
	}
	return fmt.Sprintf("only its own submitters may send from %s", d)
}

// forbidsField says why the submitter may not name somebody in a field that programs show
// beside From. Who belongs to no tenant is not protected there.
func (f *facts) forbidsField(name string, bound *tenant.Tenant) string {
	there := f.m.Header.All(name)
	for _, field := range there[:min(len(there), maxEdits)] {
		named, _ := message.ParseCompletedFrom(field.Value, f.completes)
		for _, mailbox := range named.Mailboxes {
			if class, _ := f.classOf(mailbox.Address.Domain); class == ofNoTenant || f.addsOnly(mailbox.Address.Domain) {
				continue
			}
			if reason := f.forbidsFrom(mailbox.Address.Domain, bound); reason != "" {
				return name + ": " + reason
			}
		}
	}
	return ""
}

func (f *facts) everyMailbox() []message.Mailbox {
	if len(f.fields) < 2 || len(f.fields) > maxEdits { // so many are refused
		return f.author.Mailboxes
	}
	var all []message.Mailbox
	for _, field := range f.fields {
		if author, err := message.ParseCompletedFrom(field.Value, f.completes); err == nil {
			all = append(all, author.Mailboxes...)
		}
	}
	return all
}

// readStanding finds S, K and R. Mailboxes of one tenant in several domains can
// all be vouched for by signatures, but one envelope aligns with one domain only.
func (f *facts) readStanding() {
	f.consult(f.domain)
	null := f.m.Envelope.ReversePath.Null()
	f.spf = !null && f.spfHolds(f.domain)
	f.path = !null && f.pathHolds(f.domain)
	f.live = f.keysFor(f.domain)
	f.key = len(f.live) > 0
	seen := map[message.Domain]bool{f.domain: true}
	for _, other := range f.author.Mailboxes[1:] {
		if d := other.Address.Domain; !seen[d] {
			seen[d] = true
			f.consult(d)
			keys := f.keysFor(d)
			f.spf, f.path, f.key = false, false, f.key && len(keys) > 0
			f.live = appendNew(f.live, keys)
		}
	}
}

// consult notes that the decision rests on the DNS of the domain.
func (f *facts) consult(d message.Domain) {
	if f.tenant.Authorization == tenant.Auto && f.forbidden == "" {
		f.consulted = append(f.consulted, d)
	}
}

func appendNew(all, more []tenant.Identity) []tenant.Identity {
	for _, id := range more {
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}

func (f *facts) spfHolds(d message.Domain) bool {
	switch f.tenant.Authorization {
	case tenant.Authorized:
		return true
	case tenant.Unauthorized:
		return false
	}
	return f.relies("SPF", f.standing(d).SPF, d)
}

// pathHolds finds R: the return path aligns with the author's domain (RFC 9989
// section 4.4.2) and DNS has shown that it is ours.
func (f *facts) pathHolds(d message.Domain) bool {
	_, apex := f.owner(d)
	name, shown := f.tenant.ReturnPath, f.standing(apex).ReturnPath // which may be of another tenant's path
	return f.tenant.Authorization == tenant.Auto && f.aligned(dmarc.SPF, name, apex, d) &&
		shown.Of == name.String() && f.relies("the return path", shown, d)
}

// relies reports whether mail from a domain may rely on a mechanism. One that the last lookup found
// gone (state warning) counts while the domain's DMARC policy asks for nothing. Under quarantine or
// reject what fails is lost, and what is rewritten arrives.
func (f *facts) relies(name string, m tenant.Mechanism, author message.Domain) bool {
	if m.State != tenant.Warning {
		return m.State == tenant.Active
	}
	policy := f.standing(author).DMARC.Policy
	if lenient(policy) {
		return true
	}
	f.doubted = fmt.Sprintf("%s was missing at the last lookup, and the DMARC policy of %s is %s", name, author, cmp.Or(policy, "unknown"))
	return false
}

// lenient reports whether a policy asks nothing of receivers. One that is not known may ask
// anything.
func lenient(p dmarc.Policy) bool { return p == dmarc.None || p == dmarc.Absent }

// keysFor returns the live keys whose SDID aligns with the author's domain (RFC 9989
// section 4.4.1).
func (f *facts) keysFor(d message.Domain) []tenant.Identity {
	_, apex := f.owner(d)
	if !f.aligned(dmarc.DKIM, apex, apex, d) {
		return nil
	}
	shown := f.standing(apex)
	var live []tenant.Identity
	for _, id := range f.tenant.Identities {
		if id.SDID == apex && (f.tenant.Authorization == tenant.Authorized ||
			f.tenant.Authorization == tenant.Auto && f.relies("the DKIM key "+id.Selector, shown.Key(id.Selector), d)) {
			live = append(live, id)
		}
	}
	return live
}

// aligned reports whether what the mechanism authenticates aligns with the author's domain. What
// a walk from the name finds is known of holder: the name itself, or a domain that DNS has shown
// to be of one organization with it.
func (f *facts) aligned(by dmarc.Mechanism, name, holder, author message.Domain) bool {
	if name == author {
		return true
	}
	from := authorOf(author, f.standing(author), f.tenant)
	return from.Aligned(by, dmarc.Authenticated{Domain: name, Organizational: f.standing(holder).DMARC.Organizational})
}

// AuthorOf returns a domain in From with what is known of its DMARC.
func AuthorOf(s *tenant.Snapshot, d message.Domain) dmarc.Author {
	owner, _ := s.Owner(d)
	return authorOf(d, s.Standing(d), owner)
}

// authorOf lets who authorizes a domain by hand vouch for its alignment where DNS was not asked.
func authorOf(d message.Domain, shown tenant.Standing, owner *tenant.Tenant) dmarc.Author {
	asks := shown.DMARC.Asks()
	if asks.Policy == dmarc.Unknown && owner != nil && owner.Authorization != tenant.Auto {
		asks.Policy = dmarc.Absent
	}
	return dmarc.Author{Domain: d, Asks: asks}
}

// AuthenticatedAs returns a domain that SPF or DKIM vouches for, with what is known of its
// organization.
func AuthenticatedAs(s *tenant.Snapshot, d message.Domain) dmarc.Authenticated {
	return dmarc.Authenticated{Domain: d, Organizational: s.Standing(d).DMARC.Organizational}
}

// aligns reports whether SPF passes for the sender, in alignment with the author.
func (f *facts) aligns(sender message.Path) bool {
	d := sender.Address.Domain
	if d == f.domain {
		return true
	}
	owner, _ := f.owner(d)
	return f.aligned(dmarc.SPF, d, d, f.domain) && owner == f.tenant && f.spfHolds(d)
}

// canAlign reports whether row 5 has an envelope sender to offer: what MAIL said, or
// the author.
func (f *facts) canAlign() bool {
	return f.aligns(f.m.Envelope.ReversePath) || f.author.Mailboxes[0].Address.Writable(f.m.Envelope.SMTPUTF8)
}

// isOurs reports whether bounces to the domain come to the platform anyway.
func (f *facts) isOurs(d message.Domain) bool {
	return !d.IsZero() && (f.platform.Owns(d) || d == f.m.Host || d == f.platform.Bounce)
}
