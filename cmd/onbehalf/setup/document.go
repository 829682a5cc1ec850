package setup

import (
	"context"

	"onbehalf/authorize/publish"
	"onbehalf/postfix"
)

// Document is what setup --json prints.
type Document struct {
	Config  string        `json:"config"`  // path
	Written bool          `json:"written"` // now; false: it was there
	DNS     publish.Sheet `json:"dns"`     // as onbehalf dns --json has it
	Postfix Postfix       `json:"postfix"`
	Next    []Next        `json:"next"` // what is left to do, in order
}

// Postfix is how far it is, and what it lacks.
type Postfix struct {
	Folder   string    `json:"folder,omitempty"` // of main.cf; empty: not known
	Unread   string    `json:"unread,omitempty"` // why nothing is known of it
	Outcome  string    `json:"outcome"`          // open, waiting (for its reload) or set; of --remove: gone
	Changes  []Setting `json:"changes"`          // that were made if outcome is not open
	Warnings []Warning `json:"warnings"`
	Saved    []string  `json:"saved,omitempty"` // files that hold what was there before
}

// Setting is one to change.
type Setting struct {
	Name    string `json:"name"`
	Now     string `json:"now"`
	Value   string `json:"value"`
	Why     string `json:"why"`
	Command string `json:"command"`
}

// Warning is what is dangerous in Postfix's settings and not setup's to change.
type Warning struct {
	Level    postfix.Level `json:"level"`
	Text     string        `json:"text"`
	Why      string        `json:"why,omitempty"`
	Fix      string        `json:"fix,omitempty"`
	Commands []string      `json:"commands,omitempty"`
}

// Next is one step.
type Next struct {
	Do  string `json:"do"` // a command, or a line of the configuration
	Why string `json:"why"`
}

// Document returns what show prints.
func (d Deploy) Document(ctx context.Context) Postfix {
	doc := Postfix{Folder: d.Postfix.Folder(), Changes: []Setting{}, Warnings: []Warning{}}
	if d.Unread != nil {
		doc.Unread = d.Unread.Error()
	}
	doc.Changes = append(doc.Changes, settings(d.Postfix, d.Postfix.Changes(d.Wanted))...)
	for _, f := range d.warnings(ctx) {
		doc.Warnings = append(doc.Warnings, Warning{f.Level, f.What, f.Why, f.Fix, f.Commands})
	}
	return doc
}

func settings(p postfix.Configuration, changes []postfix.Change) []Setting {
	var all []Setting
	for _, c := range changes {
		all = append(all, Setting{c.Name, c.Now, c.Value, c.Why, p.Here(c.Line())})
	}
	return all
}

// NextOf returns the steps that are left.
func NextOf(outcome Outcome, shadow bool, paths Paths) []Next {
	var all []Next
	for _, s := range left(outcome, shadow, paths) {
		all = append(all, Next{s.do, s.why})
	}
	return all
}

// String returns the word that a Document has.
func (o Outcome) String() string { return [...]string{"open", "waiting", "set"}[o] }
