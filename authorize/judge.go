package authorize

import (
	"time"

	"onbehalf/authorize/resolve"
	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/tenant"
)

// Report is what the answers of DNS mean for one domain. A finding that was not asked for is
// the zero Finding.
type Report struct {
	Target     Target
	Addresses  string // sending IPs that SPF was evaluated for, as a Mechanism's Of has them
	SPF        Finding
	SPFResults []SPFResult // one for each sending IP; none when there is no single record
	Keys       []Finding   // one for each of Target.Keys
	ReturnPath Finding
	Policy     Finding
	DMARC      tenant.DMARC // without Checked; of no use when Policy is Unanswered
	// Answered reports whether any DNS question had a definitive answer: if none had,
	// it is the resolver.
	Answered bool
	// Blank reports whether DNS answered, and had not one TXT record for all that was asked. So
	// answers a domain that has nothing, and a resolver that says NXDOMAIN in its own trouble.
	Blank bool
}

// maxQuestions bounds what one domain may lead to. The most that RFC 7208 section 4.6.4 lets an
// SPF record ask for is about 200 questions.
const maxQuestions = 250

// lookup is the judgement of one domain, or of one message, under way.
type lookup struct {
	dns      *resolve.Bounded
	platform *tenant.Platform // whom SPF should name, and where bounces should come
	thorough bool             // Target.Thorough
	helo     string           // Arrival.HELO
}

func newLookup(answers resolve.Answers, p *tenant.Platform) *lookup {
	return &lookup{dns: resolve.Bound(answers, maxQuestions), platform: p}
}

// Judge says what the answers of DNS mean for one domain: a pure function of them. What was not
// asked is Unanswered.
func Judge(answers resolve.Answers, p *tenant.Platform, t Target) Report {
	l := newLookup(answers, p)
	l.thorough = t.Thorough
	r := Report{Target: t, Addresses: addresses(p.SendingIPs)}
	r.DMARC, r.Policy = l.policy(t.Domain)
	// Keys before SPF: they need few questions, and an SPF record may use up all.
	for _, key := range t.Keys {
		r.Keys = append(r.Keys, l.key(key))
	}
	if t.SPF {
		r.SPF, r.SPFResults = l.spf(t.Domain)
	}
	if !t.ReturnPath.IsZero() {
		r.ReturnPath = l.returnPath(t, r.DMARC)
	}
	definitive, _ := l.dns.Answered()
	r.Answered = definitive > 0
	r.Blank = r.Answered && !l.dns.FoundText()
	return r
}

// JudgeSPF says whether SPF of a domain passes for every sending IP.
func JudgeSPF(answers resolve.Answers, p *tenant.Platform, d message.Domain) Finding {
	f, _ := newLookup(answers, p).spf(d)
	return f
}

// JudgeKey says whether a key is published.
func JudgeKey(answers resolve.Answers, k WantedKey) Finding { return newLookup(answers, nil).key(k) }

// JudgePolicy says what a domain's DMARC policy is, and where it stands.
func JudgePolicy(answers resolve.Answers, d message.Domain) Finding {
	_, f := newLookup(answers, nil).policy(d)
	return f
}

// Standing returns the standing that follows from the report alone: nothing was known
// before it.
func (r Report) Standing(at time.Time) tenant.Standing {
	s, _ := Rules{}.Step(r.Target.wants(r.Addresses), r, at)
	return s
}

// again returns a name as it is when the zone was appended twice: most web forms
// for DNS append it by themselves, and many people write it out all the same.
func again(name string, zone message.Domain) string { return name + "." + zone.String() }

// zones returns those that a domain's records may be kept in.
func zones(d message.Domain) []message.Domain {
	if org := dmarc.Listed(d); org != d {
		return []message.Domain{d, org}
	}
	return []message.Domain{d}
}
