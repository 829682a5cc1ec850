package trace

import (
	"fmt"
	"strings"
	"time"
)

// Options say how a log is read.
type Options struct {
	Since    time.Time      // lines before are passed over; zero: none are
	Location *time.Location // of stamps without a zone, and of what is printed; nil: UTC
	Copy     string         // whom this host sends a copy of all mail (always_bcc); empty: nobody
}

// Result is what was found.
type Result struct {
	Query string `json:"query"`
	// Holes say why the log may not have all: lines that were not understood, or that the log
	// daemon dropped.
	Holes   []string  `json:"holes,omitempty"`
	Notes   []string  `json:"notes,omitempty"` // what could not be found or read, and the next step
	Lines   int       `json:"lines"`           // read, of all sources
	First   time.Time `json:"first,omitzero"`  // time of the first line that counted
	Last    time.Time `json:"last,omitzero"`
	Stories []Story   `json:"stories"`         // the newest first
	Older   int       `json:"older,omitempty"` // matching messages beyond those, which were too many

	// Postfix and Ours are how many lines about messages there were.
	Postfix int `json:"postfix_lines"`
	Ours    int `json:"onbehalf_lines"`
}

// Search reads sources once and tells the stories of the messages that a query matches. It returns
// what it found also where a source cannot be read to its end; a note says so.
func Search(q Query, o Options, sources ...Source) Result {
	return searchWithin(usual(), q, o, sources...)
}

func searchWithin(l limits, q Query, o Options, sources ...Source) Result {
	if o.Location == nil {
		o.Location = time.UTC
	}
	s := search{options: o, join: newJoin(q, l), result: Result{Query: q.text}}
	for _, source := range sources {
		s.readers = append(s.readers, newReader(source, o.Location))
	}
	each(s.readers, s.take)
	return s.finish()
}

type search struct {
	options Options
	readers []*reader
	join    *join
	result  Result
	holes   []string // of the log daemon
	more    int      // such holes that are not in the list
}

func (s *search) take(r *reader) {
	line := r.line
	hole := holeOf(line)
	if line.Time.Before(s.options.Since) || hole == "" && r.Ours && line.Program != program && line.Program != "" {
		return
	}
	line.Time = line.Time.In(s.options.Location)
	if s.result.First.IsZero() {
		s.result.First = line.Time
	}
	s.result.Last = line.Time
	if hole != "" {
		s.addHole(line, hole)
		return
	}
	s.join.take(line)
}

// mostHoles is how many are listed.
const mostHoles = 5

func (s *search) addHole(line Line, hole string) {
	if len(s.holes) == mostHoles {
		s.more++
		return
	}
	s.holes = append(s.holes, fmt.Sprintf("The log has a hole at %s: %s", s.stamp(line.Time), hole))
}

// holeOf returns what a line says about lines that were dropped; empty: nothing. Lines of others
// than Postfix and onbehalf do not matter.
func holeOf(line Line) string {
	switch {
	case strings.HasPrefix(line.Program, "systemd-journal"):
		if strings.HasPrefix(line.Text, "Suppressed ") && (strings.Contains(line.Text, "postfix") || strings.Contains(line.Text, program)) {
			return line.Text
		}
	case strings.HasPrefix(line.Program, "rsyslogd"):
		if strings.Contains(line.Text, "lost") && strings.Contains(line.Text, "rate-limiting") {
			return line.Text
		}
	case line.Program == program || line.Program == "":
		if strings.Contains(line.Text, " log lines were dropped because ") {
			return line.Text
		}
	}
	return ""
}

func (s *search) stamp(t time.Time) string { return t.In(s.options.Location).Format(time.DateTime) }

func (s *search) finish() Result {
	r := &s.result
	for _, reader := range s.readers {
		r.Lines += reader.lines
		if reader.bad*100 > reader.lines {
			r.Holes = append(r.Holes, fmt.Sprintf("%s: %d of %d lines cannot be read (no known format, or no text), the first is line %d. What stands there is missing below.",
				reader.Name, reader.bad, reader.lines, reader.firstBad))
		}
		if reader.err != nil {
			r.Notes = append(r.Notes, reader.err.Error())
		}
	}
	r.Holes = append(r.Holes, s.holes...)
	if s.more > 0 {
		r.Holes = append(r.Holes, fmt.Sprintf("There are %d more such holes.", s.more))
	}
	r.Postfix, r.Ours, r.Older = s.join.postfix, s.join.ours, s.join.older
	s.join.joinFiltered()
	r.Stories = s.join.stories(s.options)
	s.note()
	return *r
}

// note adds what could not be found.
func (s *search) note() {
	r := &s.result
	add := func(format string, args ...any) { r.Notes = append(r.Notes, fmt.Sprintf(format, args...)) }
	switch {
	case r.Lines == 0:
		add("The log is empty.")
	case r.First.IsZero():
		add("None of the %d lines is of the time asked for (since %s).", r.Lines, s.stamp(s.options.Since))
	case r.Postfix == 0 && r.Ours == 0:
		add("None of the %d lines is about a message: this is no mail log.", r.Lines)
	default:
		if len(r.Stories) == 0 {
			add("No message has %s: looked through %d lines from %s to %s.", r.Query, r.Lines, s.stamp(r.First), s.stamp(r.Last))
			if since := s.options.Since; !since.IsZero() && r.First.Sub(since) > time.Hour {
				add("The log that was read begins later than asked for (%s): older files may be compressed in a way that is not read, or gone.", s.stamp(since))
			}
		}
		if r.Postfix == 0 {
			add("No line of Postfix is in this log, so nothing is known about deliveries: name the file of its log, too.")
		}
		if r.Ours == 0 {
			add("No line of onbehalf is in this log, so decisions and what came back from outside are missing: name the file of its log, too, " +
				"or write it with journalctl -u onbehalf -o json.")
		}
	}
	if r.Older > 0 {
		add("%d older messages match, too, and are not shown: ask for less with --since, or for a Message-ID or queue id.", r.Older)
	}
}
