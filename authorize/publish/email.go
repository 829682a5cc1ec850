package publish

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// letterColumns is how wide the prose of a letter gets: mail is read so, and quoted.
const letterColumns = 72

// Letter writes the sheet for the DNS administrator who is to publish it, ready to be
// mailed.
func (s Sheet) Letter(w io.Writer) {
	l := letter{w}
	l.say("", s.subject())
	l.open(s)
	number := 0
	var done []Record
	for _, r := range s.Records {
		switch {
		case r.Done:
			done = append(done, r)
			continue
		case r.Optional && r.Value == "", r.Unasked:
			continue
		}
		number++
		l.record(number, r)
	}
	l.done(done)
	for _, text := range s.Remarks {
		l.say("", sentence(text))
	}
	for _, r := range s.Below {
		l.fields(r)
		l.advise(r)
	}
	if s.OwnServer != "" {
		l.say("", sentence(s.OwnServer))
	}
	l.steps(s)
	l.howToTest(s)
	l.direct(s)
	fmt.Fprintf(w, "%s\n", clean(s.By))
}

// Postpone says why the letter must not be mailed yet, and what to do first; empty: it may. What
// cannot be published is not asked for, nor an alias that leads to nothing.
func (s Sheet) Postpone() string {
	if len(s.Absent) > 0 {
		return absentText(s.Absent[0])
	}
	for _, r := range s.Records {
		if r.Type == "CNAME" && !r.Done && slices.Contains(s.Unready, r.Value) {
			return fmt.Sprintf("%s would be an alias of %s, where no key is published yet: publish that first, as onbehalf dns shows; or take the letter with the keys themselves, by --txt", r.Name, r.Value)
		}
	}
	return ""
}

func (s Sheet) subject() string {
	if s.Tenant == "" {
		return "DNS records for the mail of " + clean(s.By)
	}
	what := "DNS records"
	if s.Allow != nil {
		what += " and mail server settings"
	}
	return fmt.Sprintf("%s for mail that %s sends for %s", what, clean(s.By), clean(s.Title))
}

type letter struct{ w io.Writer }

// say writes a paragraph.
func (l letter) say(indent, text string) {
	fmt.Fprintln(l.w, wrap(clean(text), indent, letterColumns))
}

func (l letter) open(s Sheet) {
	if s.Tenant != "" {
		l.say("", fmt.Sprintf("%s (%s) sends mail for %s, with addresses at %s in From. Receivers ask your DNS whether it may. "+
			"Until your DNS says so, such mail is taken for forged, or leaves under the name of %s in place of yours.",
			s.By, s.Platform.Unicode(), s.Title, list(s.From), s.By)+l.hosts(s))
	}
	if s.count("done") == len(s.Records) {
		text := "All required records are published. Nothing more to do."
		if s.Allow != nil {
			text = "All required records are published. Nothing more to do in DNS."
		}
		l.say("", text)
		return
	}
	l.say("", "Please publish the records below. Names are relative to the zone; use @ or leave the field empty for the zone itself. "+
		"The full name is in parentheses.")
}

// hosts says where the mail comes from, for those who want to know whom they let in.
func (l letter) hosts(s Sheet) string {
	const most = 8
	var hosts []string
	for _, ip := range s.Hosts[:min(len(s.Hosts), most)] {
		hosts = append(hosts, ip.Unmap().String())
	}
	if len(s.Hosts) > most {
		hosts = append(hosts, fmt.Sprintf("and %d more", len(s.Hosts)-most))
	}
	return " It comes from " + list(hosts) + "."
}

func (l letter) record(number int, r Record) {
	title := fmt.Sprintf("%d. %s", number, titles[r.Purpose])
	if r.Optional {
		title += " (optional)"
	}
	fmt.Fprintln(l.w, title)
	fmt.Fprintln(l.w)
	l.fields(r)
	l.advise(r)
	l.strings(r)
	for _, other := range r.Instead {
		l.say("   ", fmt.Sprintf("If your DNS cannot hold a %s there, publish this in its place:", r.Type))
		other.Present = r.Present
		l.fields(other)
		l.strings(other)
	}
}

// strings shows a value that is longer than a string of DNS as the strings that it is, for the
// forms that want those.
func (l letter) strings(r Record) {
	const longest = 255
	if r.Type != "TXT" || len(r.Value) <= longest {
		return
	}
	l.say("   ", fmt.Sprintf("The value has %d characters, and DNS holds a text in strings of %d bytes. Most programs split it by themselves; others want several strings, in quotes, in one record:", len(r.Value), longest))
	var parts []string
	for value := range slices.Chunk([]byte(r.Value), longest) {
		parts = append(parts, `"`+clean(string(value))+`"`)
	}
	fmt.Fprintf(l.w, "   %s\n\n", strings.Join(parts, " "))
}

// steps says what the forms of DNS providers want.
func (l letter) steps(s Sheet) {
	if len(s.Steps) == 0 || s.count("done") == len(s.Records) {
		return
	}
	l.say("", "What the forms of DNS providers want:")
	for _, text := range s.Steps {
		fmt.Fprint(l.w, strings.Replace(wrap(clean(sentence(text)), "  ", letterColumns), "  ", "- ", 1))
	}
	fmt.Fprintln(l.w)
}

func (l letter) advise(r Record) {
	for _, text := range l.advice(r) {
		l.say("   ", sentence(text))
	}
}

var titles = map[Purpose]string{
	SPF:     "SPF: who may send",
	DKIM:    "DKIM: the key that mail is signed with",
	Bounces: "Bounces: where undeliverable mail comes back to",
	Replies: "Replies: where answers come to",
	DMARC:   "DMARC: a policy for receivers",
}

// fields writes a record, never broken over lines, so that it can be copied.
func (l letter) fields(r Record) {
	name, explained := r.place()
	fmt.Fprintf(l.w, "   Name:   %s   (%s)\n", clean(name), clean(explained))
	fmt.Fprintf(l.w, "   Type:   %s\n", r.Type)
	if r.Value != "" {
		fmt.Fprintf(l.w, "   Value:  %s\n", r.data())
	}
	for _, text := range r.Present {
		fmt.Fprintf(l.w, "   Now:    %s\n", shown(text))
	}
	fmt.Fprintln(l.w)
}

// advice is what to know about a record: why, how not to break what is there, and the
// remarks.
func (l letter) advice(r Record) []string {
	var all []string
	all = append(all, "it "+r.Why)
	switch {
	case r.PresentError != "":
		all = append(all, "we do not know what is there now, because DNS did not answer")
	case r.Purpose == SPF && len(r.Present) > 0 && r.Value != "":
		all = append(all, "replace the record that is there by this one. Never publish a second SPF record beside it: with two, receivers ignore both")
	}
	all = append(all, r.Remarks...)
	return all
}

func (l letter) done(records []Record) {
	if len(records) == 0 {
		return
	}
	fmt.Fprint(l.w, "Already published; leave these as they are:\n\n")
	for _, r := range records {
		fmt.Fprintf(l.w, "   %s %s %s\n", r.Name, r.Type, r.data())
		for _, text := range r.Remarks {
			fmt.Fprint(l.w, wrap(clean(sentence(text)), "     ", letterColumns))
		}
	}
	fmt.Fprintln(l.w)
}

func (l letter) howToTest(s Sheet) {
	if s.count("done") == len(s.Records) {
		return
	}
	l.say("", "To test, ask DNS for each name; the answer must be the value above, and for SPF a single text that begins with v=spf1:")
	for _, r := range s.Records {
		if !r.Done && !r.Unasked {
			fmt.Fprintf(l.w, "   dig +short %s %s\n", r.Type, r.Name)
		}
	}
	fmt.Fprintln(l.w)
	l.say("", "A change can take as long as the old record's TTL to be seen everywhere. Please tell us when the records are there, or if one of them cannot be.")
}

// sentence gives a remark a capital letter and a full stop, unless it begins with
// something that stands for itself.
func sentence(text string) string {
	first, _, _ := strings.Cut(text, " ")
	if strings.ToLower(first) == first && strings.Trim(first, "abcdefghijklmnopqrstuvwxyz") == "" && first != "mx" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return strings.TrimSuffix(text, ".") + "."
}
