// Package doctor proves an installation, and says of each thing that is wrong why, and how
// to fix it.
//
// Mail is lost where two programs that work each for itself do not meet: a key that root
// can read and the daemon cannot, a socket that is there and that Postfix, chrooted, looks
// for elsewhere, a setting that somebody has taken out again. Such things are not
// found by reading. So what can be tried is tried: the daemon is asked which files it may not
// use, the socket is connected to as Postfix's user from inside the chroot, and a message is
// handed in at the socket, whose signatures have to verify.
//
// Nothing is written, sent or changed, unless a message is to go through Postfix and that does not
// call onbehalf; a second run finds the same. What cannot be
// tried is a warning with the reason, never an ok.
//
//	doctor.go         what is examined, in which order; findings
//	configuration.go  what loading has found
//	permissions.go    files that the daemon may not use; denied.go explains them
//	daemon.go         the running one
//	sockets.go        our sockets as they stand, and the socketmap's in tables.go
//	reach.go          the same as Postfix's services see them; connect.go becomes one
//	postfix.go        Postfix's settings, judged by package postfix
//	selftest.go       a message through the socket
//	through.go        a message through Postfix, where that is asked for
//	dns.go            the platform's DNS
//	print.go          all of it for people
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
	"onbehalf/postfix"
	"onbehalf/tenant"
	"onbehalf/term"
)

// Level says how bad a finding is.
type Level = postfix.Level

// The levels.
const (
	OK      = postfix.OK
	Warning = postfix.Warning
	Error   = postfix.Error
)

// Finding is one thing that was looked into.
type Finding struct {
	Level    Level    `json:"level"`
	Part     string   `json:"part"` // of the installation
	What     string   `json:"what"`
	Why      string   `json:"why,omitempty"`
	Fix      string   `json:"fix,omitempty"`
	Commands []string `json:"commands,omitempty"` // lines for a shell that fix it
}

// Installation is what is examined. What main has found out already comes with it.
type Installation struct {
	Path     string         // of the main file
	Config   *config.Config // as far as it could be read
	Findings config.Findings
	Summary  string        // of a configuration that loads
	Table    *tenant.Table // nil: it does not load
	Keys     *keys.Ring
	User     string // that the daemon runs as
	SMTP     bool   // hand a message to Postfix, too
	Version  string // of this program

	Host string // its name, as Postfix gives it to milters

	Postfix postfix.Configuration
	Unread  error // why nothing is known of Postfix; nil: all is

	Ask      func(*admin.Status) error                   // asks the running daemon; the error says what to do
	AskFiles func(*admin.Files) error                    // likewise
	DNS      func(context.Context) (check.Result, error) // looks at the platform's; nil: it is not to be looked at
	Progress term.Progress
}

// doctor is one examination.
type doctor struct {
	Installation
	ctx      context.Context
	part     string
	findings []Finding
}

// Examine looks into everything, in the order in which fixing makes sense.
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
		{"self-test", d.selftests},
		{"DNS of the platform", d.domains},
	} {
		d.part = part.name
		in.Progress.Show("%s ...", part.name)
		part.look()
	}
	in.Progress.Done()
	return d.findings
}

// add adds a finding, once.
func (d *doctor) add(f Finding) {
	f.Part = d.part
	if !slices.ContainsFunc(d.findings, func(other Finding) bool { return other.Part == f.Part && other.What == f.What && other.Why == f.Why }) {
		d.findings = append(d.findings, f)
	}
}

func (d *doctor) ok(format string, args ...any) { d.add(Finding{What: fmt.Sprintf(format, args...)}) }

// skip says that something could not be looked into, and why.
func (d *doctor) skip(what, why, fix string) {
	d.add(Finding{Level: Warning, What: what, Why: why, Fix: fix})
}

// wanted is what Postfix has to know, and the socket of the milter that is in it: of several in
// listen the one that Postfix calls, else the first. The zero socket: there is none.
func (d *doctor) wanted() (w postfix.Wanted, milter config.Socket) {
	w = setup.WantedOf(d.Config)
	for i, socket := range d.Config.Listen {
		one := w
		one.Milter = socket.String()
		if called := d.Postfix.Calls("smtpd_milters", one); called || i == 0 {
			milter, w = socket, one
			if called {
				break
			}
		}
	}
	return w, milter
}

// Bad reports whether there is an error.
func Bad(findings []Finding) bool { return count(findings)[Error] > 0 }

func count(findings []Finding) map[Level]int {
	n := make(map[Level]int)
	for _, f := range findings {
		n[f.Level]++
	}
	return n
}
