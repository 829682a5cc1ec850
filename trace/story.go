package trace

import (
	"slices"
	"strings"
	"time"

	"onbehalf/receivers"
)

// Story is what became of one message. Times are those of the log.
type Story struct {
	Answer    string    `json:"answer"` // one sentence
	Time      time.Time `json:"time"`   // of the first line about it
	MessageID string    `json:"message_id,omitempty"`
	QueueIDs  []string  `json:"queue_ids,omitempty"` // more than one where it was handed back or forwarded

	Client string `json:"client,omitempty"` // who handed it in
	Login  string `json:"login,omitempty"`
	Sender string `json:"sender,omitempty"` // the envelope sender with which it was queued; <> is the null sender

	Decision   *Decision   `json:"decision,omitempty"` // nil: there is no line of onbehalf about it
	Refusals   []Refusal   `json:"refusals,omitempty"` // by this host
	Recipients []Recipient `json:"recipients,omitempty"`
	Returned   []Return    `json:"returned,omitempty"`
	Notes      []string    `json:"notes,omitempty"` // what else is to be known, and what is missing

	asked   int    // recipients, as Postfix counts them
	queued  bool   // Postfix has taken it
	started bool   // its beginning is in the log
	held    bool   // it is on hold
	expired bool   // it was in the queue for too long
	left    bool   // it is no longer in the queue
	deleted bool   // an administrator has deleted it
	lines   counts // by who wrote them
	options Options
	query   Query
	places  map[[2]string]int // in Recipients, by address and that which was asked for
}

type counts struct{ postfix, ours int }

// Recipient is whom a message went to.
type Recipient struct {
	Address string `json:"address"`
	For     string `json:"for,omitempty"`  // the address that was asked for, where an alias led to this one
	Copy    bool   `json:"copy,omitempty"` // it is one that this host adds to all mail, not the author's
	Tries   []Try  `json:"tries"`          // the last one last; at least one
}

// Try is what a delivery agent of Postfix says of one recipient.
type Try struct {
	Time   time.Time     `json:"time"`
	Status string        `json:"status"` // Postfix's: sent, deferred, bounced, ...
	DSN    string        `json:"dsn,omitempty"`
	Relay  string        `json:"relay,omitempty"` // none: no server answered
	Words  string        `json:"words"`           // the server's, or Postfix's own
	Cut    bool          `json:"cut,omitempty"`   // the log line ends within the words
	After  time.Duration `json:"-"`               // since the message came in

	Repeated bool               `json:"repeated,omitempty"` // the words were said before, perhaps of another message
	Meaning  *receivers.Meaning `json:"meaning,omitempty"`  // nil: it was sent

	said receivers.Reply // Words, read
}

// last is the try that counts.
func (r Recipient) last() Try { return r.Tries[len(r.Tries)-1] }

// Return is a notification: one that this host made, or one that came from outside.
type Return struct {
	Time       time.Time   `json:"time"`
	QueueID    string      `json:"queue_id"`
	Outside    bool        `json:"outside"`            // the receiver had taken the message
	Decision   *Decision   `json:"decision,omitempty"` // how onbehalf forwarded it
	Recipients []Recipient `json:"recipients,omitempty"`
	Receiver   string      `json:"receiver,omitempty"` // what receivers have against a tenant's mail, if they have
	Class      string      `json:"class,omitempty"`
	Finding    string      `json:"finding,omitempty"`
}

// stories tells the stories of all wanted groups, the newest first.
func (j *join) stories(o Options) []Story {
	all := []Story{}
	for _, g := range slices.Backward(j.wanted) {
		if l := g.parent(); l != nil && !l.from.gone {
			continue
		}
		s := Story{options: o, query: j.query}
		s.tell(g)
		all = append(all, s)
	}
	all = joinRefusals(all)
	for i := range all {
		all[i].finish(j.ours > 0)
	}
	return all
}

// tell adds a group to a story, and all that belongs to it.
func (s *Story) tell(g *group) {
	hops := make(map[string]bool)
	for _, l := range g.links {
		if l.from == g && l.kind == again {
			hops[l.to.id], hops[byPipe] = true, true
		}
	}
	if g.id != "" {
		s.QueueIDs = append(s.QueueIDs, g.id)
	}
	s.started = s.started || g.started || g.id == ""
	if g.clipped {
		s.Notes = append(s.Notes, "There are more lines about it than are read.")
	}
	s.left = false // what follows says it of this queue id
	for _, line := range g.lines {
		if e, ok := parse(line); ok {
			s.add(&e, hops)
		}
	}
	for _, l := range g.links {
		switch {
		case l.from != g || l.to.gone:
		case l.kind == again:
			s.tell(l.to)
		default:
			s.Returned = append(s.Returned, returnOf(l))
		}
	}
}

// byPipe stands for the queue id that a filter behind pipe(8) does not say.
const byPipe = "pipe"

// parse reads a line that is in a group.
func parse(line Line) (event, bool) {
	if e, ok := parseOwn(line); ok {
		return e, true
	}
	return parsePostfix(line)
}

// returnOf tells the story of a notification.
func returnOf(l *link) Return {
	var s Story
	s.tell(l.to)
	r := Return{Time: s.Time, QueueID: l.to.id, Outside: l.kind == comesBack, Decision: s.Decision, Recipients: s.Recipients}
	for _, line := range l.to.lines {
		if e, ok := parse(line); ok && e.kind == disagreement {
			r.Receiver, r.Class, r.Finding = e.relay, e.status, e.words
		}
	}
	return r
}

// add adds an event. hops are queue ids that the message got when it was handed on within this
// host: that it got there is no delivery.
func (s *Story) add(e *event, hops map[string]bool) {
	if s.Time.IsZero() {
		s.Time = e.time
	}
	if e.program == program {
		s.lines.ours++
	} else {
		s.lines.postfix++
	}
	switch e.kind {
	case begun:
		s.setOrigin(e)
	case named:
		if s.MessageID == "" {
			s.MessageID = e.messageID
		}
	case queued:
		s.queued, s.held = true, false
		s.asked = e.recipients
		s.setSender(e)
	case tried:
		if e.piped() {
			e.other = byPipe
		}
		if !hops[e.other] {
			s.try(e)
		}
	case expired:
		s.expired = true
	case held:
		s.held = true
	case released:
		s.held = false
	case removed:
		s.left = true
		s.deleted = s.deleted || strings.HasSuffix(e.program, "postsuper")
	case decided:
		s.decide(e)
	case rejected, unroutable:
		s.refuse(e)
	}
}

func (s *Story) setOrigin(e *event) {
	if s.Client == "" {
		s.Client = e.client
	}
	if s.Login == "" {
		s.Login = e.login
	}
}

func (s *Story) setSender(e *event) {
	if s.Sender == "" && e.sized {
		s.Sender = e.from
		if e.from == "" {
			s.Sender = "<>"
		}
	}
}

// decide takes a line of onbehalf. Where a filter hands the message back there are two, of which
// the second says that it was decided about before.
func (s *Story) decide(e *event) {
	s.setOrigin(e)
	if s.Decision == nil {
		s.Decision = e.ours
	}
	if e.ours.Result != "refused" && e.ours.Result != "deferred" {
		return
	}
	words := e.ours.Reason
	if e.ours.Problem != "" {
		words = e.ours.Problem
	}
	s.addRefusal(Refusal{Time: e.time, By: program, Stage: "END-OF-MESSAGE", Words: words, Temporary: e.ours.Result == "deferred"})
}

// try adds what became of a recipient this time.
func (s *Story) try(e *event) {
	reply := receivers.ParseReply(e.words)
	t := Try{Time: e.time, Status: e.status, DSN: e.dsn, Relay: e.relay, Words: e.words, Cut: e.cut, After: e.delay, said: reply}
	if e.status != "sent" && e.status != "deliverable" {
		if reply.Host == "" {
			reply.Host = e.relay
		}
		reply.Status = e.dsn
		meaning := receivers.Explain(reply)
		t.Meaning, t.Repeated = &meaning, reply.Repeated
	}
	r := s.recipient(e.to, e.origTo)
	r.Tries = append(r.Tries, t)
}

// recipient finds a recipient, or adds one.
func (s *Story) recipient(to, origTo string) *Recipient {
	if s.places == nil {
		s.places = make(map[[2]string]int)
	}
	at, found := s.places[[2]string{to, origTo}]
	if !found {
		at = len(s.Recipients)
		s.places[[2]string{to, origTo}] = at
		isCopy := origTo == "" && s.options.Copy != "" && strings.EqualFold(to, s.options.Copy)
		s.Recipients = append(s.Recipients, Recipient{Address: to, For: origTo, Copy: isCopy})
	}
	return &s.Recipients[at]
}
