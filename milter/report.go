package milter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"onbehalf/message"
	"onbehalf/rewrite"
)

// result is what became of a message.
type result string

const (
	passed   result = "passed"  // left as it was
	done     result = "done"    // signed, and rewritten where the plan says so
	refused  result = "refused" // 5xx
	deferred result = "deferred"
)

// Counts are the messages since the start.
type Counts struct {
	Passed, Kept, Rewritten, Forwarded, Refused, Deferred atomic.Int64

	Fragile    atomic.Int64 // of those signed: later hosts may break the signature
	Recipients atomic.Int64 // refused at RCPT
	Returns    Returns
	Tally      Tally
}

// Forbidden is a message whose submitter may not use the name in it.
type Forbidden struct {
	Bound  string // id of the tenant whose submitter it is; empty: none's
	Tenant string // id of the tenant in whose name it was; empty: the platform's, or it is not known
	Client netip.Addr
	Login  string
}

// mostAttrs is more than a line has.
const mostAttrs = 24

// report writes the one line a message gets, and counts it.
func (t *transaction) report() {
	t.count()
	level := slog.LevelInfo
	attrs := append(make([]slog.Attr, 0, mostAttrs),
		slog.String("queue_id", t.message.QueueID),
		slog.String("row", t.plan.Row.String()),
		slog.String("action", string(t.plan.Action)),
		slog.String("reason", t.plan.Reason),
		slog.String("result", string(t.result)),
		slog.String("tenant", t.plan.Tenant),
	)
	attrs = append(attrs, t.reportPlan()...)
	attrs = append(attrs, t.reportReturns()...)
	if t.plan.Shadow {
		attrs = append(attrs, slog.String("mode", "shadow"))
	}
	if t.source.LogAddresses() {
		attrs = append(attrs, t.reportAddresses()...)
	}
	forbidden := t.plan.Row == rewrite.RowForbidden
	if forbidden {
		level = slog.LevelWarn
		attrs = append(attrs, slog.Bool("security", true), slog.String("bound", t.plan.Bound))
		t.server.Forbidden(Forbidden{Bound: t.plan.Bound, Tenant: t.plan.Tenant, Client: t.message.Submitter.Client, Login: t.message.Submitter.Login})
	}
	if forbidden || t.source.LogAddresses() { // whose account is it? That must be found whatever log.addresses says
		attrs = append(attrs, t.reportSubmitter()...)
	}
	if problem := t.firstProblem(); problem != nil {
		level = max(level, t.fault())
		attrs = append(attrs, slog.String("problem", problem.Error()))
	}
	attrs = append(attrs, slog.Duration("duration", time.Since(t.started).Round(time.Microsecond)))
	t.server.Log.LogAttrs(context.Background(), level, "message", attrs...)
	t.reportRefusals()
	t.server.untrusted.note(t)
}

// reportRefusals writes a line for each thing that receivers have against the tenant's mail,
// as a notification that came back says.
func (t *transaction) reportRefusals() {
	if t.status == nil || t.result != done {
		return
	}
	for _, one := range refusals(t.failures) {
		t.server.Log.LogAttrs(context.Background(), slog.LevelWarn, "receiver refuses a tenant's mail",
			slog.String("queue_id", t.message.QueueID),
			slog.String("tenant", t.plan.Redirects[0].Tenant),
			slog.String("receiver", one.Meaning.Receiver),
			slog.String("class", string(one.Meaning.Class)),
			slog.String("finding", one.Finding),
			slog.String("fix", one.Meaning.Fix))
	}
}

func (t *transaction) firstProblem() error {
	if t.tooLarge != nil {
		return t.tooLarge
	}
	return t.problem
}

// fault returns the level of a problem. What is refused is the message's own fault, and would be
// refused again; all else needs somebody here to look at it.
func (t *transaction) fault() slog.Level {
	if t.result == refused {
		return slog.LevelWarn
	}
	return slog.LevelError
}

// reportPlan names what was done, or in shadow mode would have been: fields by name, keys
// by selector and SDID.
func (t *transaction) reportPlan() []slog.Attr {
	var rewrote, signed string
	would := ""
	switch {
	case t.result == done:
		rewrote, signed = changes(t.plan), signers(t.plan)
	case t.result == passed && t.plan.Shadow:
		rewrote, signed, would = changes(t.plan), signers(t.plan), "would_"
	}
	keys := [2]string{"rewrote", "signed"}
	if would != "" {
		keys = [2]string{"would_rewrite", "would_sign"}
	}
	attrs := []slog.Attr{slog.String(keys[0], rewrote), slog.String(keys[1], signed)}
	if t.source.LogAddresses() && t.plan.ReversePath != nil && rewrote != "" {
		attrs = append(attrs, slog.String(would+"new_sender", t.plan.ReversePath.String()))
	}
	if fragile := t.body.fragile(); t.result == done && t.signature != nil && fragile != nil {
		attrs = append(attrs, slog.String("fragile", strings.Join(fragile, ", ")))
	}
	return attrs
}

// changes names the changes of a plan; the same one many times once.
func changes(plan rewrite.Plan) string {
	var all []string
	if plan.ReversePath != nil {
		all = append(all, "sender")
	}
	for i := 0; i < len(plan.Edits); {
		first, times := plan.Edits[i], 0
		for ; i < len(plan.Edits) && plan.Edits[i].Op == first.Op && strings.EqualFold(plan.Edits[i].Name, first.Name); i++ {
			times++
		}
		text := string(first.Op) + " " + first.Name
		if times > 1 {
			text += fmt.Sprintf(" (%d)", times)
		}
		all = append(all, text)
	}
	return clip(strings.Join(all, ", "))
}

func signers(plan rewrite.Plan) string {
	var all []string
	for _, id := range plan.Sign {
		all = append(all, id.String())
	}
	return strings.Join(all, ", ")
}

// reportReturns says what became of mail to addresses of ours.
func (t *transaction) reportReturns() (attrs []slog.Attr) {
	if len(t.plan.Redirects) > 0 && t.result == done {
		attrs = append(attrs, slog.Int("forwarded", len(t.plan.Redirects)))
	}
	if t.status != nil && len(t.status.Reports) > 0 {
		attrs = append(attrs, slog.String("dsn", t.reportStatus()))
	}
	return attrs
}

// reportStatus says what a delivery status notification reports. Words that RFC 3464
// does not know may be anything, an address too.
func (t *transaction) reportStatus() string {
	var all []string
	for _, r := range t.status.Reports {
		text := actionOf(r)
		if r.Status != "" && strings.Trim(r.Status, "0123456789.") == "" {
			text += " " + r.Status
		}
		if t.source.LogAddresses() && r.Recipient != "" {
			text += " for " + r.Recipient
		}
		all = append(all, text)
	}
	return clip(strings.Join(all, ", "))
}

// reportRecipient writes a line about a recipient that is refused.
func (t *transaction) reportRecipient(to message.Path, why error) {
	t.server.Counts.Recipients.Add(1)
	t.server.Counts.Tally.recipient(why)
	if errors.Is(why, errRefused) {
		t.server.Guessing(networkOf(t.message.Submitter.Client))
	}
	attrs := []slog.Attr{slog.String("queue_id", t.message.QueueID), slog.String("reason", why.Error())}
	if t.source.LogAddresses() || errors.Is(why, errGuessing) || errors.Is(why, errRefused) {
		attrs = append(attrs, t.reportSubmitter()...)
	}
	if t.source.LogAddresses() {
		attrs = append(attrs, slog.String("recipient", clip(to.Verbatim)))
	}
	t.server.Log.LogAttrs(context.Background(), slog.LevelInfo, "recipient refused", attrs...)
}

func (t *transaction) reportSubmitter() []slog.Attr {
	return []slog.Attr{
		slog.String("client", t.message.Submitter.Client.String()),
		slog.String("login", t.message.Submitter.Login),
	}
}

func (t *transaction) reportAddresses() []slog.Attr {
	from := ""
	if field, found := t.message.Header.Get("From"); found {
		from = field.Text()
	}
	attrs := []slog.Attr{
		slog.String("from", clip(from)),
		slog.String("sender", clip(t.message.Envelope.ReversePath.Verbatim)),
		slog.Int("recipients", len(t.message.Envelope.ForwardPaths)),
	}
	if len(t.plan.Redirects) > 0 && t.result == done {
		attrs = append(attrs, slog.String("to", t.reportMailboxes()))
	}
	if t.plan.Detail != "" {
		attrs = append(attrs, slog.String("detail", clip(t.plan.Detail)))
	}
	return attrs
}

// reportMailboxes names the mailboxes that the message is forwarded to.
func (t *transaction) reportMailboxes() string {
	var all []string
	for _, x := range t.plan.Redirects[:min(len(t.plan.Redirects), 10)] {
		all = append(all, x.To.String())
	}
	return clip(strings.Join(all, ", "))
}

func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

func (t *transaction) count() {
	counts := &t.server.Counts
	counts.Tally.count(t)
	switch {
	case t.result == refused:
		counts.Refused.Add(1)
	case t.result == deferred:
		counts.Deferred.Add(1)
	case t.result == passed:
		counts.Passed.Add(1)
	case t.plan.Action == rewrite.Forward:
		counts.Forwarded.Add(1)
	case t.plan.Action == rewrite.Rewrite:
		counts.Rewritten.Add(1)
	default:
		counts.Kept.Add(1)
	}
	if outcome, counts := t.outcome(); counts {
		t.server.Counted(outcome)
	}
	if owner := t.owner(); owner.Tenant != "" && t.sentByOwner() {
		t.server.Mail(owner.Tenant)
	}
	if t.result != done {
		return
	}
	if t.signature != nil && t.body.fragile() != nil {
		counts.Fragile.Add(1)
	}
	if t.status != nil {
		counts.Tally.bounced(t.failures)
		counts.Returns.add(t.plan.Redirects, t.status, refusals(t.failures), t.message.Header, t.message.Received)
		for _, n := range t.notifications() {
			t.server.CameBack(n)
		}
	}
}
