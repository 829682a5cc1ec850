package receivers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Class is whose affair a reply is.
type Class string

const (
	Auth       Class = "auth"       // SPF, DKIM or DMARC: a finding when the standing says that they pass
	Policy     Class = "policy"     // a rule of the receiver's own administrator, a connector, greylisting
	Reputation Class = "reputation" // the platform's IP, host name or volume
	Mailbox    Class = "mailbox"    // the recipient
	Form       Class = "form"       // the message itself
	Ours       Class = "ours"       // the platform's Postfix or daemon
	Other      Class = "other"      // not known, or no server was reached
)

// Classes are all of them.
var Classes = [...]Class{Auth, Policy, Reputation, Mailbox, Form, Ours, Other}

// Meaning is what a reply means.
type Meaning struct {
	Entry     int    `json:"entry,omitempty"`    // its number in the table; 0: not known
	Receiver  string `json:"receiver,omitempty"` // such as Gmail; empty: not known
	Class     Class  `json:"class"`
	Means     string `json:"means"`               // a sentence
	Fix       string `json:"fix,omitempty"`       // the next step, a sentence; empty: nothing to do
	Usually   bool   `json:"usually,omitempty"`   // the source is second-hand
	Temporary bool   `json:"temporary,omitempty"` // the message is tried again
}

// String is what it means, for people.
func (m Meaning) String() string {
	if m.Usually {
		return "Usually: " + m.Means
	}
	return m.Means
}

// Explain returns what a reply means. One that is not in the table has class Other and is
// shown: its words as they are, but for what does not print.
func Explain(r Reply) Meaning {
	host := hostOf(r.Host)
	asked := recognize(host, r)
	for _, who := range asked {
		if e := find(who, r); e != nil {
			return e.meaning(r, asked[0])
		}
	}
	return Meaning{Receiver: asked[0].name, Class: Other, Means: unknown(r), Temporary: r.temporary()}
}

func (e *entry) meaning(r Reply, who *receiver) Meaning {
	if e.from.name != "" {
		who = e.from
	}
	return Meaning{e.n, who.name, e.class, e.means, e.fix, e.usually, r.temporary()}
}

// find returns the first entry of a receiver that a reply has, or nil.
func find(who *receiver, r Reply) *entry {
	for _, s := range sayings(r, who.lastLine) {
		for i := range table {
			if e := &table[i]; e.from == who && e.has(s) {
				return e
			}
		}
	}
	return nil
}

// saying is one of the codes of a reply, with the words that count beside it.
type saying struct {
	code     string // the reply code; empty: none
	enhanced string
	words    string // lower case
}

// sayings are a reply's codes, those that decide first.
func sayings(r Reply, lastLine bool) []saying {
	words := wordsOf(r)
	var single, all []saying
	for _, l := range r.Lines {
		s := saying{strconv.Itoa(l.Code), l.Enhanced, words}
		all = append(all, s)
		s.words = strings.ToLower(l.Text)
		single = append(single, s)
	}
	all = append(all, saying{enhanced: r.Status, words: words})
	if lastLine {
		slices.Reverse(single)
		return append(single, all...)
	}
	return all
}

func wordsOf(r Reply) string {
	var all []string
	for _, l := range r.Lines {
		all = append(all, l.Text)
	}
	return strings.ToLower(strings.Join(all, " "))
}

// has reports whether a saying has one of an entry's codes and the words that it needs.
func (e *entry) has(s saying) bool {
	return s.hasCode(e.codes) && s.hasWords(e.says) && (e.unless == "" || !s.hasWords(e.unless))
}

// hasCode reports whether one of codes is there: "550 4.7.26 4.7.500-699". None: any does.
func (s saying) hasCode(codes string) bool {
	none := true
	for code := range strings.FieldsSeq(codes) {
		none = false
		if code == s.code || code == s.enhanced || inRange(s.enhanced, code) {
			return true
		}
	}
	return none
}

// inRange reports whether an enhanced code is in a range of details: "4.7.500-699".
func inRange(enhanced, codes string) bool {
	from, to, isRange := strings.Cut(codes, "-")
	dot := strings.LastIndexByte(from, '.')
	if !isRange || dot < 0 || !strings.HasPrefix(enhanced, from[:dot+1]) {
		return false
	}
	detail, _ := strconv.Atoi(enhanced[dot+1:])
	low, _ := strconv.Atoi(from[dot+1:])
	high, _ := strconv.Atoi(to)
	return low <= detail && detail <= high
}

// hasWords reports whether all words of one alternative are there: "spf & fail | dmarc".
func (s saying) hasWords(alternatives string) bool {
	for alternative := range strings.SplitSeq(alternatives, " | ") {
		if !slices.ContainsFunc(strings.Split(alternative, " & "), func(word string) bool { return !strings.Contains(s.words, word) }) {
			return true
		}
	}
	return false
}

// unknown shows a reply that is not in the table, in at most mostShown characters.
func unknown(r Reply) string {
	const mostShown = 400
	shown, n := strings.Builder{}, 0
	for _, c := range r.String() {
		if n++; n > mostShown {
			shown.WriteString("...")
			break
		}
		if !strconv.IsPrint(c) {
			c = '?'
		}
		shown.WriteRune(c)
	}
	switch {
	case shown.Len() == 0 && r.Status != "":
		return fmt.Sprintf("No words came with the status %q.", r.Status)
	case shown.Len() == 0:
		return "The reply is empty."
	case r.said():
		return "The server says: " + shown.String()
	}
	return "Postfix says: " + shown.String()
}
