package publish

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"onbehalf/keys"
	"onbehalf/message"
)

// AsText returns the sheet with each key that is not there yet as TXT, where it would be
// an alias.
func (s Sheet) AsText() Sheet {
	var records []Record
	for _, r := range s.Records {
		if r.Purpose != DKIM || r.Done || len(r.Instead) == 0 {
			records = append(records, r)
			continue
		}
		for _, other := range r.Instead {
			other.Present, other.PresentError, other.Remarks = r.Present, r.PresentError, r.Remarks
			records = append(records, other)
		}
	}
	s.Records = records
	return s
}

// columns is how wide prose gets.
const columns = 78

// Print writes the sheet for people.
func (s Sheet) Print(w io.Writer) {
	fmt.Fprintf(w, "%s: %s\n", s.heading(), s.summary())
	for _, r := range s.Records {
		if r.Unasked { // there may be thousands; a remark counts them
			continue
		}
		fmt.Fprintln(w)
		r.print(w)
	}
	for _, r := range s.Below {
		fmt.Fprintln(w)
		r.print(w)
	}
	var notes []string
	for _, d := range s.Absent {
		notes = append(notes, absentText(d))
	}
	notes = slices.Concat(notes, s.Remarks, s.Notes)
	if s.OwnServer != "" {
		notes = append(notes, s.OwnServer)
	}
	if s.Allow != nil {
		fmt.Fprintln(w)
		s.Allow.print(w, s.Tenant)
		notes = append(notes, s.Allow.Notes...)
	}
	if len(notes) > 0 {
		fmt.Fprintln(w)
	}
	for _, text := range notes {
		fmt.Fprint(w, hang(text, "note    ", columns))
	}
}

func (s Sheet) heading() string {
	if s.Tenant == "" {
		return s.Title + ", the platform"
	}
	if s.Tenant == s.Title {
		return s.Title
	}
	return fmt.Sprintf("%s (%s)", s.Title, s.Tenant)
}

// summary counts the records by state.
func (s Sheet) summary() string {
	var parts []string
	for _, state := range []string{"to do", "unknown", "not asked", "optional", "done"} {
		if n := s.count(state); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return cmp.Or(list(parts), "nothing to publish")
}

func (r Record) print(w io.Writer) {
	fmt.Fprint(w, hang(r.label()+": "+r.Why, fmt.Sprintf("%-10s", r.State()), columns))
	if r.At == "" {
		fmt.Fprintf(w, "  name    %s  in zone %s  (%s)\n", r.Relative, r.Zone, r.Name)
	} else {
		fmt.Fprintf(w, "  name    %s, of which %s is an alias\n", clean(r.At), r.Name)
	}
	fmt.Fprintf(w, "  %-6s  %s\n", r.Type, cmp.Or(r.data(), "-"))
	for i, text := range r.now() {
		fmt.Fprintf(w, "  %-6s  %s\n", []string{"now", ""}[min(i, 1)], text)
	}
	for _, text := range r.Remarks {
		fmt.Fprint(w, hang(text, "  note    ", columns))
	}
}

// label is the purpose as people write it.
func (r Record) label() string {
	switch r.Purpose {
	case Bounces, Replies:
		return strings.ToUpper(string(r.Purpose[:1])) + string(r.Purpose[1:])
	}
	return strings.ToUpper(string(r.Purpose))
}

// data is the value in one line.
func (r Record) data() string {
	if r.Type == "MX" && r.Preference > 0 {
		return fmt.Sprintf("%d %s", r.Preference, r.Value)
	}
	return clean(r.Value)
}

// now says what is there, unless that is the record itself.
func (r Record) now() []string {
	switch {
	case r.PresentError != "":
		return []string{"not known: " + shown(r.PresentError)}
	case r.Unasked:
		return nil
	case len(r.Present) == 0:
		return []string{"nothing"}
	case r.Done && len(r.Present) == 1:
		return nil
	}
	var lines []string
	for _, text := range r.Present {
		lines = append(lines, shown(text))
	}
	return lines
}

// ttl is how long receivers may remember a record, in seconds: a mistake lasts an hour.
const ttl = 3600

// Zone writes the sheet as a master file (RFC 1035 section 5). What is not known is
// left out, and said in a comment.
func (s Sheet) Zone(w io.Writer) {
	comment(w, fmt.Sprintf("DNS records of %s: %s", s.heading(), s.summary()))
	for _, d := range s.Absent {
		comment(w, absentText(d))
	}
	for _, text := range s.Remarks {
		comment(w, text)
	}
	for _, r := range s.Records {
		fmt.Fprintln(w)
		comment(w, fmt.Sprintf("%s, %s: %s", r.label(), r.State(), r.Why))
		for _, text := range r.now() {
			comment(w, "now: "+text)
		}
		for _, text := range r.Remarks {
			comment(w, text)
		}
		if r.Value == "" {
			comment(w, r.Name+" "+r.Type+" is left out")
			continue
		}
		fmt.Fprintln(w, r.line())
	}
	for _, r := range s.Below {
		fmt.Fprintln(w)
		comment(w, fmt.Sprintf("%s, for each name: %s", r.label(), r.Why))
		fmt.Fprintln(w, "; "+r.line())
	}
}

// line is the record in a master file: a comment where it belongs into the zone of somebody else.
func (r Record) line() string {
	line := fmt.Sprintf("%s. %d IN %s %s", clean(cmp.Or(r.At, r.Name)), ttl, r.Type, r.entry())
	if at, err := message.ParseName(r.At); r.At != "" && (err != nil || !at.Within(r.Zone)) {
		line = "; " + strings.NewReplacer("\n", " ", "\t", "").Replace(line)
	}
	return line
}

// entry is the record's data in a master file.
func (r Record) entry() string {
	switch r.Type {
	case "TXT":
		return keys.TXT(r.Value)
	case "MX":
		return fmt.Sprintf("%d %s.", r.Preference, r.Value)
	}
	return r.Value + "."
}

func comment(w io.Writer, text string) { fmt.Fprint(w, wrap(text, "; ", 100)) }
