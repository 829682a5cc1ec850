package trace

import "time"

// kind is what an event says.
type kind int

const (
	remark       kind = iota // something else about the message
	begun                    // a client or a local user hands it in
	named                    // its Message-ID
	queued                   // it is in the queue, with sender and number of recipients
	tried                    // a delivery agent is done with a recipient, for this time
	expired                  // it was in the queue for too long
	notified                 // a notification was made, with a queue id of its own
	rejected                 // it, or a recipient of it, was refused before it was queued
	held                     // it is on hold
	released                 // it no longer is
	removed                  // it has left the queue
	decided                  // onbehalf decided about it
	unroutable               // onbehalf refused a recipient
	disagreement             // onbehalf says that a receiver refuses a tenant's mail
)

// event is what one line says about a message. Fields that a kind has not are empty.
type event struct {
	kind    kind
	time    time.Time
	program string
	id      string // queue id; empty: there is none (yet)

	from, to, origTo string // addresses without angle brackets
	sized            bool   // from is known, though it may be the null sender
	messageID        string // with angle brackets
	client, login    string
	recipients       int // nrcpt=
	relay, dsn       string
	status           string // sent, deferred, bounced, ...
	delay            time.Duration
	words            string // in the brackets at the end, or behind a colon
	cut              bool   // the end of words is missing
	stage            string // of a refusal: MAIL, RCPT, END-OF-MESSAGE, ...
	byMilter         bool   // the refusal was a milter's
	other            string // queue id of a message that belongs to this one

	ours *Decision
}

// Decision is what onbehalf logged about a message.
type Decision struct {
	Row     string `json:"row"`
	Action  string `json:"action"`
	Reason  string `json:"reason"`
	Result  string `json:"result"` // done, passed, refused, deferred
	Tenant  string `json:"tenant,omitempty"`
	Shadow  bool   `json:"shadow,omitempty"` // nothing was changed; the rest is what would have been
	Changed string `json:"changed,omitempty"`
	Signed  string `json:"signed,omitempty"`
	Problem string `json:"problem,omitempty"`
	Detail  string `json:"detail,omitempty"`

	From      string `json:"from,omitempty"`       // the header field, as it came
	Sender    string `json:"sender,omitempty"`     // the envelope sender, as it came
	NewSender string `json:"new_sender,omitempty"` // as it left
	Login     string `json:"login,omitempty"`

	ForwardedTo string `json:"forwarded_to,omitempty"` // the mailboxes behind a bounce or reply address
	DSN         string `json:"dsn,omitempty"`          // what the notification says: "failed 5.1.1 for x@example.org"
}
