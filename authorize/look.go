package authorize

import (
	"context"
	"errors"
	"time"

	"onbehalf/authorize/resolve"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Looker looks at domains as they are now. It remembers nothing.
type Looker struct {
	DNS      resolve.Asker
	Platform *tenant.Platform // whom SPF should name, and where bounces should come
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
	lookTime     = time.Minute
)

// look is one look under way.
type look struct {
	Looker
	ctx context.Context
	dns *resolve.Memory
}

// Look looks at one domain. It takes up to a minute where servers are silent, and
// ends early when ctx does; what is not known by then is Unanswered.
func (l Looker) Look(ctx context.Context, s Subject) Report {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	k := &look{l, ctx, resolve.Remember(&impatient{Asker: l.DNS}, maxQuestions)}
	r := Report{Subject: s, Addresses: addresses(l.Platform.SendingIPs)}
	r.DMARC, r.Policy = k.policy(s.Domain)
	if s.SPF {
		r.SPF, r.SPFResults = k.spf(s.Domain)
	}
	for _, key := range s.Keys {
		r.Keys = append(r.Keys, k.key(key))
	}
	if !s.ReturnPath.IsZero() {
		r.ReturnPath = k.returnPath(s, r.DMARC)
	}
	definitive, _ := k.dns.Answered()
	r.Answered = definitive > 0
	return r
}

// giveUp is how many questions in a row may go without an answer: behind dead name
// servers, all names of a domain are silent.
const giveUp = 2

// impatient asks no more when the last few questions had no answer.
type impatient struct {
	resolve.Asker
	silent int
}

var errSilent = errors.New("not asked: the questions before had no answer")

func (i *impatient) Ask(ctx context.Context, name string, qtype uint16) (resolve.Answer, error) {
	if i.silent >= giveUp {
		return resolve.Answer{Chain: []string{name}}, errSilent
	}
	answer, err := i.Asker.Ask(ctx, name, qtype)
	if i.silent++; err == nil {
		i.silent = 0
	}
	return answer, err
}

// again gives a name as it is when the zone was appended twice: most web forms
// for DNS append it by themselves, and many people write it out all the same.
func again(name string, zone message.Domain) string { return name + "." + zone.String() }
