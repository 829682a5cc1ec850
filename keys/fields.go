package keys

import (
	"errors"
	"strings"

	"onbehalf/message"
)

// Which fields a signature covers (h=, RFC 6376 section 5.4). Each name is listed
// as often as it occurs; verifiers then take the fields from the bottom up. A name
// listed once more is oversigned: nobody can add another field of that name
// without breaking the signature (RFC 6376 section 8.15).
var (
	// guardedFields are oversigned even when absent: what a reader sees, and where
	// an answer goes.
	guardedFields = []string{"From", "Reply-To", "Subject", "To", "Cc", "Date", "Message-ID"}

	// meaningFields are oversigned when present: they change what the message
	// means, or what one click on it does (RFC 8058 section 4). Absent, they may
	// have to be added on the way, as MIME fields are.
	meaningFields = []string{
		"MIME-Version", "Content-Type", "Content-Transfer-Encoding", "In-Reply-To", "References",
		"List-Unsubscribe", "List-Unsubscribe-Post", "X-Original-From",
	}
)

// isOptional tells whether a field, its name in lower case, is signed as often as
// it occurs and no more, room permitting. Nothing else is signed: not what servers
// on the way add or take away, as Received, Return-Path, Bcc and the fields of
// other authentication (RFC 6376 section 5.4.1). A name with other characters than
// letters, digits and hyphens has no place in h=, where ; and : have a meaning.
func isOptional(name string) bool {
	switch {
	case name == "sender", name == "feedback-id": // by Feedback-ID providers tell campaigns apart
		return true
	case name == "resent-bcc":
		return false
	}
	return isLDH(name) && (strings.HasPrefix(name, "list-") || strings.HasPrefix(name, "resent-"))
}

// maxNames bounds the h= tag, in octets with a colon after each name. go-msgauth
// writes the tag on one line, and a line may have 998 (RFC 5322 section 2.1.1).
const maxNames = 900

// ErrTooManyFields says that a message repeats fields such as To so often that no
// signature can cover them all. It will not get better by waiting.
var ErrTooManyFields = errors.New("header repeats too many fields to be signed; write each of To, Cc, Subject and the like once")

// signedFields gives the names for h=. It depends on nothing but the names in the
// header. Optional names that do not fit are left out, each with all of its fields.
func signedFields(header message.Header) ([]string, error) {
	n := countNames(header)
	var l list
	for _, name := range guardedFields {
		l.add(name, n.take(name)+1)
	}
	for _, name := range meaningFields {
		if times := n.take(name); times > 0 {
			l.add(name, times+1)
		}
	}
	if l.octets > maxNames {
		return nil, ErrTooManyFields
	}
	for _, f := range header {
		if times := n.take(f.Name); isOptional(strings.ToLower(f.Name)) && l.fits(f.Name, times) {
			l.add(f.Name, times)
		}
	}
	return l.names, nil
}

// counts is how often each name occurs, by the name in lower case.
type counts map[string]int

func countNames(header message.Header) counts {
	n := make(counts, len(header))
	for _, f := range header {
		n[strings.ToLower(f.Name)]++
	}
	return n
}

// take gives the count of a name, once; after that it is 0.
func (n counts) take(name string) int {
	name = strings.ToLower(name)
	times := n[name]
	delete(n, name)
	return times
}

// list is names, and the octets that they take with a colon after each.
type list struct {
	names  []string
	octets int
}

func (l *list) fits(name string, times int) bool {
	return l.octets+times*(len(name)+1) <= maxNames
}

func (l *list) add(name string, times int) {
	l.octets += times * (len(name) + 1)
	for range times {
		l.names = append(l.names, name)
	}
}

// isLDH tells whether s is made of letters, digits and hyphens alone.
func isLDH(s string) bool {
	return strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
