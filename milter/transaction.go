package milter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	library "github.com/emersion/go-milter"

	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// transaction is one message, from MAIL to the reply at its end. It keeps the
// state and the snapshot that were current at MAIL, whatever is reloaded
// meanwhile.
type transaction struct {
	server   *Server
	state    State
	snapshot *tenant.Snapshot
	started  time.Time

	message  message.Message
	octets   int   // of the header
	paths    int   // octets of the recipients
	tooLarge error // a bound was passed: the message is refused at its end

	plan      rewrite.Plan
	signature *keys.Signature // nil: nothing is signed
	problem   error           // why nothing is signed that should be
	body      inspector
	outcome   outcome
}

// begin takes the facts of the connection and of MAIL.
func begin(s *session, login string) *transaction {
	words := s.guard.words
	t := &transaction{server: s.server, state: s.server.Current(), started: time.Now()}
	t.snapshot = t.state.Table.Snapshot()
	t.message = message.Message{
		Envelope:  message.Envelope{ReversePath: message.ParsePath(words[0]), SMTPUTF8: hasWord(words[1:], "SMTPUTF8")},
		Submitter: message.Submitter{Client: s.client, Login: login, Local: s.local},
		Host:      s.host,
		Received:  s.server.Now(),
	}
	return t
}

// trusted decides about a message that is not ours before anything more is sent.
func (t *transaction) trusted() bool {
	if t.snapshot.Platform().Trusts(t.message.Submitter) {
		return true
	}
	t.plan = rewrite.Decide(t.message, t.snapshot)
	t.outcome = passed
	return false
}

func (t *transaction) noteQueueID(m *library.Modifier) {
	if id := m.Macros["i"]; id != "" {
		t.message.QueueID = id
	}
}

// maxPath is the longest forward-path of RFC 5321 section 4.5.3.1.3. Single ones
// may be longer; all together hold no more than this for each that is allowed.
const maxPath = 256

func (t *transaction) addRecipient(verbatim string) {
	t.paths += len(verbatim)
	limit := t.server.Limits.Recipients
	if len(t.message.Envelope.ForwardPaths) >= limit || t.paths > limit*maxPath {
		t.tooLarge = fmt.Errorf("more than %d recipients", limit)
		return
	}
	t.message.Envelope.ForwardPaths = append(t.message.Envelope.ForwardPaths, message.ParsePath(verbatim))
}

func (t *transaction) addField(f message.Field) {
	t.octets += len(f.Name) + len(f.Value) + 3
	if t.octets > t.server.Limits.Header {
		t.tooLarge = fmt.Errorf("header longer than %d octets", t.server.Limits.Header)
		return
	}
	t.message.Header = append(t.message.Header, f)
}

// decide asks for the plan and starts the signatures over the header that it
// leads to. What goes wrong is said at the end of the message, for until then
// Postfix takes no answer.
func (t *transaction) decide() {
	t.plan = rewrite.Decide(t.message, t.snapshot)
	if t.tooLarge != nil { // what is known of it says whose it is, no more
		t.plan = rewrite.Plan{Row: t.plan.Row, Verdict: rewrite.Refuse, Reason: "message is too large", Tenant: t.plan.Tenant, Shadow: t.plan.Shadow}
		return
	}
	if len(t.plan.Sign) == 0 || t.plan.Shadow {
		return
	}
	t.signature, t.problem = t.state.Keys.Sign(t.plan.Apply(t.message.Header), t.plan.Sign)
}

func (t *transaction) write(chunk []byte) {
	t.body.write(chunk)
	if t.signature == nil {
		return
	}
	if _, err := t.signature.Write(chunk); err != nil {
		t.problem = err
	}
}

// finish answers the end of the message: refused, deferred, or let go with all
// edits made.
func (t *transaction) finish(e editor) (library.Response, error) {
	defer t.report()
	switch {
	case t.plan.Shadow, t.plan.Verdict == rewrite.Pass:
		t.outcome = passed
		return accept, nil
	case t.tooLarge != nil:
		return t.refuse(refusal("552", "5.3.4", t.tooLarge.Error())), nil
	case t.plan.Verdict == rewrite.Refuse:
		return t.refuse(refusalOf(t.plan)), nil
	}
	signed, err := t.sign()
	switch {
	case errors.Is(err, keys.ErrTooManyFields), errors.Is(err, keys.ErrUnsignable):
		t.problem = err
		return t.refuse(refusal("550", "5.6.0", err.Error())), nil
	case err != nil:
		t.problem, t.outcome = err, deferred
		return deferral("cannot sign this message now"), nil
	}
	t.outcome = carriedOut
	return accept, e.perform(t.plan, signed)
}

func (t *transaction) refuse(r library.Response) library.Response {
	t.outcome = refused
	return r
}

// sign gives the DKIM-Signature fields. A message that is carried out is always
// signed: none at all is an error.
func (t *transaction) sign() ([]message.Field, error) {
	switch {
	case t.problem != nil:
		return nil, t.problem
	case t.signature == nil:
		return nil, errors.New("the plan names no key")
	}
	return t.signature.Fields()
}

// close gives up the signature, whose goroutines wait for the rest of the body.
func (t *transaction) close() {
	if t.signature != nil {
		t.signature.Close()
	}
}

func hasWord(words []string, wanted string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.EqualFold(word, wanted) })
}
