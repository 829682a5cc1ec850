package trace

import (
	"errors"
	"strings"
)

// Query is what messages are looked for by.
type Query struct {
	text string // lower case, unless it is a queue id
	isID bool
}

// ParseQuery reads an address, a Message-ID (with or without angle brackets), or a queue id.
func ParseQuery(text string) (Query, error) {
	bare := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text), "<"), ">")
	at := strings.LastIndexByte(bare, '@')
	switch {
	case at > 0 && at < len(bare)-1:
		return Query{text: strings.ToLower(bare)}, nil
	case isQueueID(bare):
		return Query{text: bare, isID: true}, nil
	case at >= 0:
		return Query{}, errors.New("one side of the @ is empty: give a whole address, or a Message-ID")
	}
	return Query{}, errors.New("this is no address, Message-ID or queue id: a queue id has 6 characters or more and stands in " +
		"Postfix's log lines in front of a colon, as in 4jZw872b6Zz1VJwp or CDE9E9C86DD; the others have an @")
}

// String is the query as it is looked for.
func (q Query) String() string { return q.text }

// matches reports whether an event has what is looked for.
func (q Query) matches(e *event) bool {
	if q.isID {
		return e.id == q.text
	}
	if q.is(e.to) || q.is(e.from) || q.is(e.origTo) || e.messageID != "" && q.is(strings.Trim(e.messageID, "<>")) {
		return true
	}
	return e.ours != nil && q.in(e.ours.From, e.ours.Sender, e.ours.NewSender, e.ours.ForwardedTo, e.ours.DSN)
}

func (q Query) is(text string) bool {
	return len(text) == len(q.text) && strings.EqualFold(text, q.text)
}

// in reports whether one of the texts names the address.
func (q Query) in(texts ...string) bool {
	for _, text := range texts {
		if text != "" && names(strings.ToLower(text), q.text) {
			return true
		}
	}
	return false
}

// names reports whether a text has an address in it that is not part of a longer one. Both are in
// lower case.
func names(text, addr string) bool {
	for rest := text; addr != ""; {
		at := strings.Index(rest, addr)
		if at < 0 {
			return false
		}
		before, after := len(text)-len(rest)+at, rest[at+len(addr):]
		if (before == 0 || !inAddress(text[before-1])) && (after == "" || !inAddress(after[0]) || strings.TrimRight(after, ".") == "") {
			return true
		}
		rest = rest[at+1:]
	}
	return false
}

// inAddress reports whether an address goes on with a byte.
func inAddress(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80 || strings.IndexByte("!#$%&'*+-/=?^_`{|}~.@", c) >= 0
}
