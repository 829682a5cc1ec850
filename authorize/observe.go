package authorize

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/net/publicsuffix"

	"onbehalf/authorize/resolve"
	"onbehalf/tenant"
)

// Observe asks DNS for all that judging the targets needs, and for what the readers need: the
// one function here that asks. Which questions those are, the answers decide, so it judges, with
// DNS behind the answers, and records them.
//
// It waits about a minute for each target and reader where servers do not answer, the wait for our
// own turn to ask not counted. The error is that of ctx when it ended before; the observation
// then has what was answered until then.
func Observe(ctx context.Context, dns resolve.Asker, p *tenant.Platform, targets []Target, readers ...func(resolve.Answers)) (Observation, error) {
	o := Observation{At: time.Now().UTC().Truncate(time.Millisecond)}
	recorder := resolve.NewRecorder(ctx, dns)
	for _, t := range targets {
		recorder.AskBy(&impatient{Asker: dns})
		o.SPF = append(o.SPF, Judge(recorder, p, t).SPFResults...)
	}
	for _, read := range readers {
		recorder.AskBy(&impatient{Asker: dns})
		read(recorder)
	}
	o.Answers = recorder.Recorded()
	return o, ctx.Err()
}

// Bounds of the wait for servers that do not answer.
const (
	maxWait = time.Minute // of waiting for servers
	// maxUnanswered is how many questions about one organization's names may go without an answer in
	// a row: where its name servers are dead, none of them is answered.
	maxUnanswered = 2
)

// impatient asks no more about an organization when the last few questions about it
// had no answer. About others it still asks: a dead name in an SPF record says nothing
// about the key beside it. When servers took maxWait in all, it asks nothing more.
type impatient struct {
	resolve.Asker
	unanswered map[string]int // by organizational domain
	took       time.Duration
}

// Ask is of resolve.Asker.
func (i *impatient) Ask(ctx context.Context, name string, qtype uint16) (resolve.Answer, error) {
	org, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		org = name
	}
	switch {
	case i.unanswered[org] >= maxUnanswered:
		return resolve.Answer{Chain: []string{name}}, fmt.Errorf("%w, because other questions about %s had no answer", resolve.ErrNotAsked, org)
	case i.took >= maxWait:
		return resolve.Answer{Chain: []string{name}}, fmt.Errorf("%w, because other questions took %v", resolve.ErrNotAsked, maxWait)
	}
	answer, err := i.Asker.Ask(ctx, name, qtype)
	i.took += answer.Took
	if i.unanswered == nil {
		i.unanswered = make(map[string]int)
	}
	switch {
	case err == nil, errors.Is(err, resolve.ErrTooLarge):
		i.unanswered[org] = 0
	case !errors.Is(err, resolve.ErrNoTurn):
		i.unanswered[org]++
	}
	return answer, err
}
