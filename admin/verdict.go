package admin

import (
	"fmt"
	"strings"
	"time"

	"onbehalf/tenant"
)

// Level is how a monitor takes what it sees. Its number is the exit status that Nagios and
// what is like it expect.
type Level int

// The levels.
const (
	Fine Level = iota
	Warning
	Critical
	Unknowable // nothing can be said
)

// String is the word that monitors have for it.
func (l Level) String() string { return [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[l] }

// Verdict is what a monitor is shown.
type Verdict struct {
	Level Level
	Text  string // on one line, the worst first
}

// How long something may last before it is worth an alarm: resolvers hiccup.
const (
	outageWarns    = 15 * time.Minute
	outageCritical = 6 * time.Hour
	dueWarns       = 30 * time.Minute
	recent         = time.Hour // what happened longer ago is over
)

// Judge decides what a status is to a monitor. What it takes for warning and critical stands in
// docs/status.md. onDisk is why the configuration on disk would be refused; empty: it would not, or
// who asks cannot read it.
func Judge(s Status, onDisk string) Verdict {
	var j judgement
	j.mail(s)
	j.configuration(s, onDisk)
	j.dns(s)
	j.platform(s.Problems)
	j.losses(s)
	return j.verdict(s)
}

// judgement gathers what is wrong, by level.
type judgement [Unknowable][]string

func (j *judgement) note(l Level, format string, args ...any) {
	j[l] = append(j[l], fmt.Sprintf(format, args...))
}

// verdict words what was found.
func (j *judgement) verdict(s Status) Verdict {
	all := append(j[Critical], j[Warning]...)
	v := Verdict{Text: strings.Join(all, "; ")}
	switch {
	case j[Critical] != nil:
		v.Level = Critical
	case j[Warning] != nil:
		v.Level = Warning
	default:
		m := s.Messages
		v.Text = fmt.Sprintf("onbehalf %s, %d tenants, %d messages since the start", s.Version, s.Tenants.Total,
			m.Kept+m.Rewritten+m.Passed+m.Forwarded+m.Refused+m.Deferred)
	}
	return v
}

// mail is what defers mail, or soon will.
func (j *judgement) mail(s Status) {
	if s.Signing.Failed != "" {
		j.note(Critical, "the platform's keys do not sign: %s", s.Signing.Failed)
	}
	for _, one := range s.Sockets {
		switch {
		case one.Problem == "":
		case one.Name == "milter", one.Name == "socketmap":
			j.note(Critical, "%s cannot be reached at %s: %s", one.Name, one.Address, one.Problem)
		default:
			j.note(Warning, "%s cannot be reached at %s: %s", one.Name, one.Address, one.Problem)
		}
	}
	for _, l := range s.Limits {
		switch share := l.Share(); {
		case l.Name == LimitDNS: // a round may take all of it; whether it keeps up is another question
		case share >= AtLimit:
			j.note(Critical, "%s", l)
		case share >= NearLimit:
			j.note(Warning, "%s", l)
		}
	}
}

func (j *judgement) configuration(s Status, onDisk string) {
	switch {
	case s.Reload != nil && !s.Reload.OK:
		j.note(Warning, "the last reload was refused: onbehalf check-config")
	case onDisk != "":
		j.note(Warning, "the configuration on disk would be refused: %s", onDisk)
	}
	faults := 0
	for _, f := range s.Configuration.Findings {
		if f.Level == "fault" {
			faults++
		}
	}
	if faults > 0 {
		j.note(Warning, "keys that are left out: %d; onbehalf check-config", faults)
	}
	if g := s.Signing; g.Asked == "openssl" && g.Engine != "openssl" || g.Fallbacks > 0 {
		j.note(Warning, "OpenSSL does not sign, and Go does instead: %s", g.Problem)
	}
}

func (j *judgement) dns(s Status) {
	d := s.DNS
	never := d.Domains > 0 && d.Oldest.IsZero() // with few domains it takes long until the round stops
	if out := never || !d.PausedUntil.IsZero() || !d.Denied.IsZero(); out && !d.UnansweredSince.IsZero() {
		what := "does not answer"
		if !d.Denied.IsZero() {
			what = "is not believed"
		}
		switch lasts := s.Now.Sub(d.UnansweredSince); {
		case lasts >= outageCritical:
			j.note(Critical, "DNS %s since %s", what, d.UnansweredSince.UTC().Format("2006-01-02 15:04 UTC"))
		case lasts >= outageWarns:
			j.note(Warning, "DNS %s since %s", what, d.UnansweredSince.UTC().Format("2006-01-02 15:04 UTC"))
		}
	} else if late := s.Now.Sub(d.DueSince); !d.DueSince.IsZero() && late >= dueWarns {
		j.note(Warning, "overdue lookups: %d, the first by %s; raise dns.max_per_second", d.Due, late.Truncate(time.Minute))
	}
	if d.NoServer != "" && d.Domains > 0 {
		j.note(Warning, "there is no DNS server to ask: %s", d.NoServer)
	}
	if d.Error != "" {
		j.note(Warning, "what DNS says is not known: %s", d.Error)
	}
}

// platform takes the problems that concern everyone, and counts the tenants' own that will soon
// be felt.
func (j *judgement) platform(all []Problem) {
	losing := 0
	for _, p := range all {
		switch {
		case p.Tenant == "" && p.State == tenant.Warning:
			j.note(Critical, "%s of the platform's %s is gone", p.Mechanism, p.Domain)
		case p.Tenant == "" && p.State == tenant.Pending:
			j.note(Warning, "%s of the platform's %s is missing", p.Mechanism, p.Domain)
		case p.State == tenant.Warning:
			losing++
		}
	}
	if losing > 0 {
		j.note(Warning, "records of tenants that are gone, so that their mail is about to leave in another way: %d; onbehalf status", losing)
	}
}

// losses is what is lost while mail goes on. Mail of clients that are not trusted is none: any
// client could raise that alarm.
func (j *judgement) losses(s Status) {
	if s.DNS.Unsaved != "" {
		j.note(Warning, "state is not saved: %s", s.DNS.Unsaved)
	}
	if !s.Log.Last.IsZero() && s.Now.Sub(s.Log.Last) < recent {
		j.note(Warning, "lines of the log are dropped: %s", s.Log.Problem)
	}
}
