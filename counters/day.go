package counters

import (
	"encoding/json"
	"slices"
	"time"

	"onbehalf/receivers"
	"onbehalf/rewrite"
)

// Who is counted besides tenants. No tenant has such an id.
const (
	Platform = "(platform)"
	Unknown  = "(unknown)" // belongs to no tenant, or comes from strangers
)

// Day is what became of one tenant's mail on one day.
type Day struct {
	Date string `json:"date,omitempty"` // of UTC, as in 2026-11-26
	// Messages are by row of the decision table and by result: done, passed, refused or deferred.
	// Those of row "return" came to bounce and reply addresses; all others are the tenant's own
	// mail.
	Messages map[string]map[string]int64 `json:"messages,omitempty"`
	Refused  map[string]int64            `json:"refused,omitempty"` // the tenant's mail, by reason
	// Returned are notifications that came back by bounce addresses, by class. One that reports
	// several recipients counts once for each class.
	Returned map[Class]int64 `json:"returned,omitempty"`
	Last     time.Time       `json:"last,omitzero"` // message of the tenant's own
	// Unauthenticated is what receivers said by which the tenant's mail is not authenticated, while
	// DNS had it that it is; by the receiver's name, empty: none of those that package receivers
	// knows.
	Unauthenticated map[string]Evidence `json:"unauthenticated,omitempty"`
}

// Class is whose affair it is that a message came back.
type Class string

// The classes.
const (
	Mailbox        Class = "mailbox"        // the recipient's address
	Policy         Class = "policy"         // a rule of the receiver's administrator
	Authentication Class = "authentication" // SPF, DKIM or DMARC
	Spam           Class = "spam"           // reputation of the platform's IP, or its volume; block lists
	Other          Class = "other"
)

// Classes are all, in the order in which they are shown.
var Classes = [...]Class{Authentication, Spam, Policy, Mailbox, Other}

// ClassOf returns the class of what a receiver said, with the status of a notification (RFC 3463).
// That counts only where the words say nothing that is known, and where it is unmistakable: x.1 and
// x.2 are about the recipient, but for x.1.7 and x.1.8, which are about the sender.
func ClassOf(m receivers.Meaning, status string) Class {
	switch m.Class {
	case receivers.Auth:
		return Authentication
	case receivers.Policy:
		return Policy
	case receivers.Reputation:
		return Spam
	case receivers.Mailbox:
		return Mailbox
	}
	aboutSender := len(status) == 5 && (status[1:] == ".1.7" || status[1:] == ".1.8")
	if m.Entry == 0 && len(status) >= 5 && (status[1:4] == ".1." || status[1:4] == ".2.") && !aboutSender {
		return Mailbox
	}
	return Other
}

// results are what becomes of a message.
var results = [...]string{"done", "passed", "refused", "deferred"}

// rows is how many rows there are.
const rows = int(rewrite.RowUndecided) + 1

// Own returns how many messages of the tenant's own there were with one of these results; of none
// of them: with any.
func (d Day) Own(results ...string) (n int64) {
	for row, by := range d.Messages {
		if row == rewrite.RowReturn.String() || row == rewrite.RowLoop.String() {
			continue
		}
		for result, count := range by {
			if len(results) == 0 || slices.Contains(results, result) {
				n += count
			}
		}
	}
	return n
}

// CameBack returns how many notifications came back, by all classes.
func (d Day) CameBack() (n int64) {
	for _, count := range d.Returned {
		n += count
	}
	return n
}

// add counts what is fresh.
func (d *Day) add(f *fresh) {
	for row, by := range f.messages {
		for result, n := range by {
			if n > 0 {
				name := rewrite.Row(row).String()
				if d.Messages[name] == nil {
					put(&d.Messages, name, make(map[string]int64))
				}
				d.Messages[name][results[result]] += n
			}
		}
	}
	for reason, n := range f.refused {
		put(&d.Refused, reason, d.Refused[reason]+n)
	}
	for class, n := range f.returned {
		put(&d.Returned, class, d.Returned[class]+n)
	}
	for receiver, e := range f.evidence {
		put(&d.Unauthenticated, receiver, d.Unauthenticated[receiver].and(*e))
	}
	if f.last.After(d.Last) {
		d.Last = f.last
	}
}

// put sets a value of a map that may not be there yet.
func put[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = make(map[K]V)
	}
	(*m)[key] = value
}

// total is how busy the day was.
func (d *Day) total() (n int64) {
	for _, by := range d.Messages {
		for _, count := range by {
			n += count
		}
	}
	return n
}

// dateOf returns the day of an instant.
func dateOf(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// keyOf is the key of a day in the store: days are pruned in order.
func keyOf(date, id string) string { return date + " " + id }

// read returns a day as it lies in the store. One that cannot be read is begun again.
func read(text []byte) *Day {
	day := new(Day)
	if json.Unmarshal(text, day) != nil {
		return new(Day)
	}
	return day
}
