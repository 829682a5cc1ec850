// Package doctor proves an installation, and says of each thing that is amiss why, and how
// to mend it.
//
// Mail is lost where two programs that work each for itself do not meet: a key that root
// can read and the daemon cannot, a socket that is there and that Postfix, chrooted, looks
// for elsewhere, a setting that somebody has taken out again. Such things are not
// found by reading. So what can be tried is tried: files are opened as the user that the
// daemon runs as, the socket is connected to as Postfix's user from inside the chroot,
// and a message is handed in at the socket, whose signatures have to verify.
//
// Nothing is written, sent or changed; a second run finds the same. What cannot be
// tried is a warning with the reason, never an ok.
package doctor

import (
	"context"
	"fmt"
	"slices"

	"onbehalf/admin"
	"onbehalf/cmd/onbehalf/check"
	"onbehalf/cmd/onbehalf/setup"
	"onbehalf/config"
	"onbehalf/keys"
	"onbehalf/tenant"
)

// Level says how bad a finding is.
type Level int

const (
	OK      Level = iota
	Warning       // mail flows, or it could not be looked into
	Error         // mail is deferred, lost, or leaves as it should not
)

// String gives the word that JSON has.
func (l Level) String() string { return [...]string{"ok", "warning", "error"}[l] }

// MarshalText is String.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Finding is one thing that was looked into.
type Finding struct {
	Level    Level    `json:"level"`
	Part     string   `json:"part"` // of the installation
	What     string   `json:"what"`
	Why      string   `json:"why,omitempty"`
	Mend     string   `json:"mend,omitempty"`
	Commands []string `json:"commands,omitempty"` // lines for a shell that mend it
}

// Installation is what is examined. What main has found out already comes with it.
type Installation struct {
	Path     string         // of the main file
	Config   *config.Config // as far as it could be read
	Findings config.Findings
	Summary  string        // of a configuration that loads
	Table    *tenant.Table // nil: it does not load
	Keys     *keys.Ring
	Secrets  string // file of srs.secrets; empty: not known

	User    string // that the daemon runs as
	Version string // of this program

	Postfix setup.Postfix
	Silent  error // why nothing is known of Postfix; nil: all is

	Ask func(*admin.Status) error                   // asks the running daemon; the error says what to do
	DNS func(context.Context) (check.Result, error) // looks at the platform's; nil: it is not to be looked at
}

// doctor is one examination.
type doctor struct {
	Installation
	ctx      context.Context
	part     string
	findings []Finding
}

// Examine looks into everything, in the order in which mending makes sense.
func (in Installation) Examine(ctx context.Context) []Finding {
	d := &doctor{Installation: in, ctx: ctx}
	for _, part := range []struct {
		name string
		look func()
	}{
		{"configuration", d.configuration},
		{"permissions", d.permissions},
		{"daemon", d.daemon},
		{"sockets", func() { d.sockets(); d.tables() }},
		{"Postfix", d.postfix},
		{"self-test", d.selftest},
		{"DNS of the platform", d.domains},
	} {
		d.part = part.name
		part.look()
	}
	return d.findings
}

func (d *doctor) add(f Finding) {
	f.Part = d.part
	d.findings = append(d.findings, f)
}

func (d *doctor) ok(format string, args ...any) { d.add(Finding{What: fmt.Sprintf(format, args...)}) }

// skip says that something could not be looked into, and why, once.
func (d *doctor) skip(what, why, mend string) {
	f := Finding{Level: Warning, Part: d.part, What: what, Why: why, Mend: mend}
	if !slices.ContainsFunc(d.findings, func(other Finding) bool { return other.Part == f.Part && other.What == what && other.Why == why }) {
		d.add(f)
	}
}

// wanted is what Postfix has to know. Of several sockets it is the one that Postfix
// calls, else the first.
func (d *doctor) wanted() (w setup.Wanted, known bool) {
	if len(d.Config.Listen) == 0 {
		return w, false
	}
	w = setup.WantedOf(d.Config)
	for _, socket := range d.Config.Listen {
		one := w
		one.Socket = socket
		if d.Postfix.Calls("smtpd_milters", one) {
			return one, true
		}
	}
	return w, true
}

// Bad tells whether there is an error.
func Bad(findings []Finding) bool { return count(findings)[Error] > 0 }

func count(findings []Finding) map[Level]int {
	n := make(map[Level]int)
	for _, f := range findings {
		n[f.Level]++
	}
	return n
}
