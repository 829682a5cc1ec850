package authorize

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/net/publicsuffix"

	"onbehalf/authorize/resolve"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Looker looks at domains as they are now. It remembers nothing.
type Looker struct {
	DNS      resolve.Asker
	Platform *tenant.Platform // whom SPF should name, and where bounces should come
	// Thorough looks for absent keys at the names that people publish them at by mistake: a dozen
	// questions for each, for somebody who waits for the hint.
	Thorough bool
	// HELO is the name that our host says in HELO, for what a receiver thinks (Receive); empty:
	// not known. No look goes by it.
	HELO string
}

// Report is what one look at a domain showed. A finding that was not asked for is
// the zero Finding.
type Report struct {
	Subject    Subject
	Addresses  string // sending IPs that SPF was evaluated for, as a Mechanism's Of has them
	SPF        Finding
	SPFResults []SPFResult // one for each sending IP; none when there is no single record
	Keys       []Finding   // one for each of Subject.Keys
	ReturnPath Finding
	Policy     Finding
	DMARC      tenant.DMARC // without Checked; of no use when Policy is Unanswered
	// Answered tells whether any DNS question had a definitive answer: if none had,
	// it is the resolver.
	Answered bool
}

// Bounds of one look. The most that RFC 7208 section 4.6.4 lets an SPF record ask for is
// about 200 questions.
const (
	maxQuestions = 250
	lookTime     = time.Minute // of waiting for servers
)

// look is one look under way.
type look struct {
	Looker
	ctx  context.Context
	dns  *resolve.Memory
	helo string // empty: heloName
}

// begin begins a look with a memory and a patience of its own.
func (l Looker) begin(ctx context.Context) *look {
	return &look{Looker: l, ctx: ctx, dns: resolve.Remember(&impatient{Asker: l.DNS}, maxQuestions)}
}

// Look looks at one domain. It waits about a minute in all where servers are silent, the
// wait for our own turn to ask not counted, and ends early when ctx does; what is not
// known by then is Unanswered.
func (l Looker) Look(ctx context.Context, s Subject) Report {
	k := l.begin(ctx)
	r := Report{Subject: s, Addresses: addresses(l.Platform.SendingIPs)}
	r.DMARC, r.Policy = k.policy(s.Domain)
	// Keys before SPF: they need few questions, and an SPF record may use up all.
	for _, key := range s.Keys {
		r.Keys = append(r.Keys, k.key(key))
	}
	if s.SPF {
		r.SPF, r.SPFResults = k.spf(s.Domain)
	}
	if !s.ReturnPath.IsZero() {
		r.ReturnPath = k.returnPath(s, r.DMARC)
	}
	definitive, _ := k.dns.Answered()
	r.Answered = definitive > 0
	return r
}

// giveUp is how many questions about one organization's names may go without an
// answer in a row: behind dead name servers all of them are silent.
const giveUp = 2

// impatient asks no more about an organization when the last few questions about it
// had no answer. Of others it goes on asking: a dead name in an SPF record says nothing
// about the key beside it. When servers took lookTime in all, it asks nothing more.
type impatient struct {
	resolve.Asker
	silent map[string]int // by organizational domain
	took   time.Duration
}

func (i *impatient) Ask(ctx context.Context, name string, qtype uint16) (resolve.Answer, error) {
	org, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		org = name
	}
	if i.silent[org] >= giveUp {
		return resolve.Answer{Chain: []string{name}}, fmt.Errorf("%s was not asked for: other questions about %s had no answer", name, org)
	}
	if i.took >= lookTime {
		return resolve.Answer{Chain: []string{name}}, fmt.Errorf("%s was not asked for: other questions took %v", name, lookTime)
	}
	answer, err := i.Asker.Ask(ctx, name, qtype)
	i.took += answer.Took
	if i.silent == nil {
		i.silent = make(map[string]int)
	}
	switch {
	case err == nil, errors.Is(err, resolve.ErrTooLarge):
		i.silent[org] = 0
	case !errors.Is(err, resolve.ErrNoTurn):
		i.silent[org]++
	}
	return answer, err
}

// again gives a name as it is when the zone was appended twice: most web forms
// for DNS append it by themselves, and many people write it out all the same.
func again(name string, zone message.Domain) string { return name + "." + zone.String() }

// zones are those that a domain's records may be kept in.
func zones(d message.Domain) []message.Domain {
	if org := d.Organizational(); org != d {
		return []message.Domain{d, org}
	}
	return []message.Domain{d}
}
