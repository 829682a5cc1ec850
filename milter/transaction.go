package milter

import (
	"errors"
	"fmt"
	"strings"
	"time"

	library "github.com/emersion/go-milter"

	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/srs"
	"onbehalf/tenant"
)

// transaction is one message, from MAIL to the reply at its end. It keeps the
// source and the snapshot that were current at MAIL, whatever is reloaded
// meanwhile.
type transaction struct {
	server   *Server
	guard    *guard
	source   Source
	snapshot *tenant.Snapshot
	started  time.Time

	message  message.Message
	octets   int   // of the header
	paths    int   // octets of the recipients
	held     int   // of the server's budget
	short    bool  // there was not enough of it: the message is deferred
	tooLarge error // a bound was passed: the message is refused at its end
	shown    bool  // the end of the header has come

	plan      rewrite.Plan
	leaving   message.Header  // as the receiver will see it; nil: it stays as it is
	signature *keys.Signature // nil: nothing is signed
	problem   error           // why nothing is signed that should be
	unreached bool            // the answer did not reach Postfix
	signing   time.Duration   // what the signatures have taken, without the body
	body      inspector
	status    *message.StatusReader // of a bounce or reply that is forwarded; nil: any other
	failures  []Failure             // that it reports, at the end
	result    result
}

// usualFields is how many fields a header has room for from the start.
const usualFields = 32

// begin takes the facts of the connection and of MAIL.
func begin(s *session, source Source, login string) *transaction {
	sender, smtputf8 := s.guard.path()
	t := &transaction{server: s.server, guard: s.guard, source: source, started: time.Now()}
	t.snapshot = t.source.Table().Snapshot()
	t.message = message.Message{
		Envelope:  message.Envelope{ReversePath: message.ParsePath(sender), SMTPUTF8: smtputf8},
		Submitter: message.Submitter{Client: s.client, Login: login, Local: s.local},
		Host:      s.host,
		Received:  s.server.Now(),
		Besides:   s.server.Besides(),
		Header:    make(message.Header, 0, usualFields),
	}
	if !t.hold(costMessage + 2*len(sender)) {
		t.message.Envelope.ReversePath = message.Path{}
	}
	return t
}

// maxPath is the longest forward-path of RFC 5321 section 4.5.3.1.3. Single ones
// may be longer; all together hold no more than this for each that is allowed.
const maxPath = 256

// addRecipient notes a recipient, as RCPT gave it and as Postfix resolved it (null:
// not known). The error is why mail to it leads nowhere, or that its client has guessed
// enough. One of a local submission is never refused: Postfix would keep the message
// in its queue for ever.
func (t *transaction) addRecipient(to, resolved message.Path, guessing bool) error {
	if t.short {
		return t.whenShort()
	}
	t.paths += len(to.Verbatim)
	limit := t.server.Limits.Recipients
	if len(t.message.Envelope.ForwardPaths) >= limit || t.paths > limit*maxPath {
		t.tooLarge = fmt.Errorf("more than %d recipients", limit)
		return nil
	}
	var err error
	if !t.message.Submitter.Local {
		err = t.refusal(to, resolved, guessing)
	}
	if err != nil {
		t.reportRecipient(to, err)
		return err
	}
	if !t.hold(cost(to, t.snapshot)) {
		return t.whenShort()
	}
	t.message.Envelope.ForwardPaths = append(t.message.Envelope.ForwardPaths, to)
	return nil
}

// cost is what a recipient takes of the budget.
func cost(to message.Path, s *tenant.Snapshot) int {
	n := costRecipient + 2*len(to.Verbatim)
	if rewrite.Ours(to.Address, s) {
		n += costExchange + 2*len(to.Verbatim)
	}
	return n
}

// whenShort answers for a recipient of a message for which there is no memory. Local mail waits
// for the end of its header, like all that is wrong with it.
func (t *transaction) whenShort() error {
	if t.message.Submitter.Local {
		return nil
	}
	return errMemory
}

var (
	errGuessing = errors.New("too many recipients of this connection do not exist")
	errRefused  = errors.New("too many recipients from this network do not exist; try again in an hour")
	errLetters  = errors.New("this address accepts bounces, and only few other messages from one network; try again in an hour, or write to the person directly")
)

// refusal says why a recipient is refused. Postfix reads more spellings than we do
// (comments, blanks, routes), and cannot be asked to remove one that it reads
// otherwise: what it resolves to an address of ours must be written as one.
func (t *transaction) refusal(to, resolved message.Path, guessing bool) error {
	x, ours, err := rewrite.Route(t.message.Envelope.ReversePath, to, t.snapshot, t.message.Received, t.message.Besides...)
	hidden := !ours && rewrite.Ours(mailbox(to), t.snapshot)
	if read := mailbox(resolved); !ours && !hidden && read != mailbox(to) {
		hidden = rewrite.Ours(read, t.snapshot)
	}
	switch {
	case !ours && !hidden:
		return nil
	case guessing:
		return errGuessing
	case hidden, ours && resolved.Readable() && !message.EqualFold(resolved.Address.String(), to.Address.String()):
		err = rewrite.ErrSpelling
	}
	return t.limited(x, err)
}

// limited says why a recipient of ours is refused that would be answered as err says: too
// much has come from the client's network, or from all. A right guess must not stand out
// then, so whatever can be guessed is refused alike; our own codes, of 40 bits, cannot be.
func (t *transaction) limited(x rewrite.Redirect, err error) error {
	by, now := &t.server.strangers, t.server.Now()
	network := networkOf(t.message.Submitter.Client)
	guess := t.snapshot.Platform().SRS.TakesClassic(now) && (errors.Is(err, srs.ErrForged) || x.Kind == rewrite.KindClassic)
	switch {
	case by.refused.exceeded(network, now), guess && by.guesses.exceeded(nil, now):
		return errRefused
	case err != nil:
		by.refused.take(network, now)
		if guess {
			by.guesses.take(nil, now)
		}
		return err
	case t.isLetter(x) && !by.letters.take(letter{strings.ToLower(x.To.String()), network}, now):
		return errLetters
	}
	return nil
}

// isLetter reports whether something other than a bounce is on its way to a bounce address,
// from a client that is not trusted.
func (t *transaction) isLetter(x rewrite.Redirect) bool {
	return x.Kind == rewrite.KindBounce && !t.message.Envelope.ReversePath.Null() && !t.snapshot.Platform().Trusts(t.message.Submitter)
}

// mailbox returns the address of a path or, of one that cannot be read, what stands
// behind the last @ with an empty local part.
func mailbox(p message.Path) message.Address {
	if p.Readable() {
		return p.Address
	}
	domain, _ := message.ParseMappedHost(strings.Trim(p.Verbatim[strings.LastIndexByte(p.Verbatim, '@')+1:], ". \t"))
	return message.Address{Domain: domain}
}

// maxFields is how many fields one header may have: a field costs more than its octets.
const maxFields = 10_000

func (t *transaction) addField(f message.Field) {
	t.octets += len(f.Name) + len(f.Value) + 3
	switch {
	case t.octets > t.server.Limits.Header:
		t.tooLarge = fmt.Errorf("header longer than %d bytes", t.server.Limits.Header)
		return
	case len(t.message.Header) >= maxFields:
		t.tooLarge = fmt.Errorf("header of more than %d fields", maxFields)
		return
	case !t.hold(costField + len(f.Name) + len(f.Value)):
		return
	}
	t.message.Header = append(t.message.Header, f)
	t.body.header(f)
}

// decide asks for the plan. A message that needs its body read has its signatures
// started, over the header that the plan leads to; any other is answered. Mail that is
// not ours passes whatever its size, because nothing in it is needed.
func (t *transaction) decide() library.Response {
	t.shown = true
	if t.short {
		t.plan = rewrite.Plan{Row: rewrite.RowUndecided, Action: rewrite.Refuse, Reason: "there is not enough memory"}
		return t.answer(deferred, refusal("451", "4.3.2", busy))
	}
	t.message.Signed = t.server.decided.knows(t.message.Header)
	t.plan = rewrite.Decide(t.message, t.snapshot)
	for _, d := range t.plan.Standings {
		t.server.Seen(d)
	}
	if t.plan.Row == rewrite.RowUntrusted {
		t.tooLarge = nil
	}
	if t.tooLarge != nil { // what is known of it says whose it is, no more
		t.plan = rewrite.Plan{Row: t.plan.Row, Action: rewrite.Refuse, Reason: "message is too large", Tenant: t.plan.Tenant, Shadow: t.plan.Shadow}
	}
	switch {
	case t.plan.Shadow, t.plan.Action == rewrite.Pass:
		return t.answer(passed, accept)
	case t.tooLarge != nil:
		return t.answer(refused, refusal("552", "5.3.4", t.tooLarge.Error()))
	case t.plan.Action == rewrite.Refuse:
		return t.answer(refused, refusalOf(t.plan))
	}
	if len(t.plan.Redirects) > 0 {
		t.status = message.NewStatusReader(t.message.Header)
	}
	if t.plan.Action == rewrite.Forward {
		return nil
	}
	t.leaving = t.plan.Apply(t.message.Header)
	begun := time.Now()
	if t.signature, t.problem = t.source.Ring().Sign(t.leaving, t.plan.Sign); t.problem != nil {
		t.tallySignatures(begun, t.problem)
		return t.unsigned(t.problem)
	}
	t.signing = time.Since(begun)
	return nil
}

// answer ends the message with a reply. It is reported when the reply is on its way,
// for until then Postfix may still defer the message.
func (t *transaction) answer(done result, r library.Response) library.Response {
	t.result = done
	t.guard.afterReply = func(err error) {
		if err != nil {
			t.problem, t.result, t.unreached = fmt.Errorf("the answer did not reach Postfix: %w", err), deferred, true
		}
		t.report()
	}
	return r
}

// unsigned answers for a message that should be signed and cannot be: refused when
// it is the message's own fault and will not get better, else deferred.
func (t *transaction) unsigned(err error) library.Response {
	t.problem = err
	if ownFault(err) {
		return t.answer(refused, refusal("550", "5.6.0", err.Error()))
	}
	return t.answer(deferred, deferral("cannot sign this message now"))
}

// ownFault reports whether an error is the message's own fault.
func ownFault(err error) bool {
	return errors.Is(err, keys.ErrTooManyFields) || errors.Is(err, keys.ErrUnsignable)
}

func (t *transaction) write(chunk []byte) {
	t.body.write(chunk)
	if t.status != nil {
		t.status.Write(chunk)
	}
	if t.signature == nil {
		return
	}
	if _, err := t.signature.Write(chunk); err != nil {
		t.problem = err
	}
}

// finish answers the end of a message that decide has let come this far: all edits
// are made, or it is refused or deferred.
func (t *transaction) finish(e editor) library.Response {
	if t.status != nil {
		t.status.End()
		t.failures = failures(t.status)
	}
	var signed []message.Field
	if t.plan.Action != rewrite.Forward {
		var err error
		if signed, err = t.sign(); err != nil {
			return t.unsigned(err)
		}
	}
	e.apply(t.plan, signed)
	t.server.decided.remember(signed, t.leaving)
	return t.answer(done, accept)
}

// sign returns the DKIM-Signature fields. A message that is carried out is signed, or
// there is an error.
func (t *transaction) sign() ([]message.Field, error) {
	switch {
	case t.problem != nil:
		return nil, t.problem
	case t.signature == nil:
		return nil, errors.New("the end of the header never came")
	}
	begun := time.Now()
	fields, err := t.signature.Fields()
	t.tallySignatures(begun, err)
	return fields, err
}

// tallySignatures counts the signatures of the message, which are all made or none. Those of a
// message that nothing could sign are no failures of ours.
func (t *transaction) tallySignatures(begun time.Time, err error) {
	if ownFault(err) {
		return
	}
	t.server.Counts.Tally.signed(t.source.Ring(), t.plan.Sign, t.signing+time.Since(begun), err)
}

// close frees the memory and the signature.
func (t *transaction) close() {
	t.server.headless.note(t)
	t.release()
	if t.signature != nil {
		t.signature.Close()
	}
}
