package authorize

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"onbehalf/authorize/resolve"
)

// Verdict is what a lookup of one mechanism means for us.
type Verdict int

const (
	Unanswered Verdict = iota // no definitive answer: it means nothing
	There                     // it authorizes us
	Missing                   // definitely not, or not any more
	Broken                    // definitely not, and what we send by it fails already
)

// Reason is a finding in one word, for programs.
type Reason string

const (
	NoAnswer Reason = "no-answer" // no DNS server answered

	SPFPasses        Reason = "spf-passes"
	SPFAbsent        Reason = "spf-absent"
	SPFSeveral       Reason = "spf-several"          // PermError: more than one record
	SPFNotCovered    Reason = "spf-not-covered"      // a sending IP does not pass
	SPFSyntax        Reason = "spf-syntax"           // PermError: here, or in a record it includes
	SPFTooManyLookup Reason = "spf-too-many-lookups" // PermError: over 10
	SPFTooManyVoid   Reason = "spf-too-many-voids"   // PermError: over 2 that lead to nothing
	SPFTooManyMX     Reason = "spf-too-many-mx"      // PermError: over 10 hosts in one mx
	SPFDeadInclude   Reason = "spf-dead-include"     // PermError: what it includes has no record
	SPFPasted        Reason = "spf-pasted"           // quotes or blanks make it no record at all
	SPFTooLarge      Reason = "spf-too-large"        // it leads to an answer of more than we read, or is in one
	SPFByMailbox     Reason = "spf-by-mailbox"       // it passes for some local parts only
	SPFByHELO        Reason = "spf-by-helo"          // it does not pass, or does, by the name in HELO

	KeyPublished Reason = "dkim-published"
	KeyAbsent    Reason = "dkim-absent"
	KeyOther     Reason = "dkim-other-key"
	KeyRevoked   Reason = "dkim-revoked"
	KeyCut       Reason = "dkim-cut"        // only the beginning of our key
	KeySeveral   Reason = "dkim-several"    // receivers may take any of them
	KeyTesting   Reason = "dkim-testing"    // t=y
	KeyHash      Reason = "dkim-hash"       // h= without sha256
	KeyService   Reason = "dkim-service"    // s= without email
	KeyMalformed Reason = "dkim-malformed"  // quotes pasted in, no p=, not base64
	KeyElsewhere Reason = "dkim-wrong-zone" // found with the zone's name appended again
	KeyMisnamed  Reason = "dkim-misnamed"   // found at a name that is nearly the right one
	KeyHidden    Reason = "dkim-hidden"     // addresses stand at its name: a proxy answers for it
	KeyDangling  Reason = "dkim-dangling"   // the CNAME leads to nothing
	KeyTooLarge  Reason = "dkim-too-large"  // more stands at its name than we read

	PathOurs      Reason = "path-ours"
	PathAbsent    Reason = "path-absent"
	PathElsewhere Reason = "path-elsewhere" // mail to it does not come to us
	PathSPF       Reason = "path-spf"       // it is ours, and its SPF does not pass
	PathWrongZone Reason = "path-wrong-zone"
	PathUnaligned Reason = "path-unaligned" // by the tree walk it belongs to another organization
	PathTooLarge  Reason = "path-too-large" // more stands at its name, or that of a host, than we read

	PolicyFound     Reason = "dmarc-found"
	PolicyAbsent    Reason = "dmarc-absent"
	PolicyMalformed Reason = "dmarc-malformed" // as good as absent, or read differently by receivers
)

// Finding is what one lookup of one mechanism shows. Much of it was written by strangers:
// it is of bounded length, and only characters that print are left as they are.
type Finding struct {
	Verdict Verdict  `json:"verdict"`
	Reason  Reason   `json:"reason"`
	Text    string   `json:"text"`             // one sentence without a full stop, for people
	Remedy  string   `json:"remedy,omitempty"` // what its publisher should do; empty: nothing
	Found   []string `json:"found,omitempty"`  // the records as they are, clipped
}

// String returns the sentence.
func (f Finding) String() string { return f.Text }

// String returns the word that JSON has.
func (v Verdict) String() string { return verdicts[v] }

var verdicts = [...]string{"unanswered", "there", "missing", "broken"}

// MarshalText is String.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (v *Verdict) UnmarshalText(text []byte) error {
	i := slices.Index(verdicts[:], string(text))
	if i < 0 {
		return fmt.Errorf("%q is no verdict", text)
	}
	*v = Verdict(i)
	return nil
}

func finding(v Verdict, reason Reason, found []string, remedy, format string, args ...any) Finding {
	return Finding{v, reason, shown(fmt.Sprintf(format, args...)), shown(remedy), shownAll(found)}
}

// unreadable words that there is no answer that can be read: it is too large, which is the fault of
// who publishes it, or there was none.
func unreadable(tooLarge Reason, err error) Finding {
	if errors.Is(err, resolve.ErrTooLarge) {
		return finding(Missing, tooLarge, nil, "delete what is not needed there", "%s", excess(err))
	}
	return unanswered(err)
}

// excess words resolve.ErrTooLarge.
func excess(err error) string {
	if at := new(resolve.Error); errors.As(err, &at) {
		return fmt.Sprintf("DNS has at %s (%s) %v", at.Name, at.Type, resolve.ErrTooLarge)
	}
	return err.Error()
}

// unanswered says what became of the attempts. Two that ended alike are named once.
func unanswered(err error) Finding {
	var attempts []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !slices.ContainsFunc(attempts, func(before string) bool { return strings.HasSuffix(before, line) }) {
			attempts = append(attempts, line)
		}
	}
	return finding(Unanswered, NoAnswer, nil, "", "no definitive answer: %s", strings.Join(attempts, "; "))
}

// Bounds of what strangers publish, before it goes into logs, files and terminals.
const (
	mostFound   = 8
	longestText = 1024 // octets
)

func shownAll(texts []string) []string {
	var all []string
	for _, s := range texts[:min(len(texts), mostFound)] {
		all = append(all, shown(s))
	}
	return all
}

// shown bounds a text, and escapes what does not print as Go does: control characters
// act on terminals, others turn text round or cannot be seen. What is shown already
// stays as it is.
func shown(s string) string {
	const more = "..."
	var b strings.Builder
	fits := 0 // as much of b as leaves room for more
	for s != "" {
		r, size := utf8.DecodeRuneInString(s)
		piece := s[:size]
		switch {
		case r == utf8.RuneError && size == 1:
			piece = fmt.Sprintf(`\x%02x`, s[0])
		case !strconv.IsPrint(r):
			piece = strings.Trim(strconv.QuoteRuneToASCII(r), "'")
		}
		if b.Len()+len(piece) > longestText {
			return b.String()[:fits] + more
		}
		b.WriteString(piece)
		if b.Len()+len(more) <= longestText {
			fits = b.Len()
		}
		s = s[size:]
	}
	return b.String()
}
