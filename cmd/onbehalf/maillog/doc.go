// Package maillog finds the mail log of a host, and opens it for package trace.
//
// Where it is depends on the host. Debian 12 and 13 have the journal alone, unless rsyslog is
// installed: then Postfix's lines are in /var/log/mail.log, and those of onbehalf, which systemd
// takes from its standard error, in /var/log/syslog. With maillog_file Postfix writes a file of its
// own. So the journal is read where Postfix's lines are in it; else the files, and for the lines of
// onbehalf the journal or /var/log/syslog.
package maillog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"onbehalf/trace"
)

// Host is where the logs of a host are.
type Host struct {
	Folder  string   // /var/log
	Files   []string // that Postfix writes itself (maillog_file), so that nothing of it is in the journal
	Journal string   // journalctl; empty: there is none
}

// Logs are open logs.
type Logs struct {
	Sources []trace.Source
	Notes   []string // what could not be read, why, and the next step

	closers []func() error
}

// Close closes all, and adds to the notes what went wrong with programs that were read.
func (l *Logs) Close() {
	for _, c := range l.closers {
		if err := c(); err != nil {
			l.Notes = append(l.Notes, err.Error())
		}
	}
	l.closers = nil
}

// Open finds and opens what has lines since a time; zero: since ever. The error says why nothing
// can be read, and what to do.
func (h Host) Open(ctx context.Context, since time.Time) (*Logs, error) {
	logs := new(Logs)
	var denied error
	if len(h.Files) == 0 {
		var mail bool
		if mail, denied = h.has(ctx, since, "SYSLOG_FACILITY=2"); mail {
			return logs, logs.readJournal(ctx, h.Journal, since, mailMatches)
		}
	}
	found := h.openAll(logs, since, false, "mail.log", "maillog", "mail")
	if found == 0 {
		logs.Close()
		return nil, h.nothing(denied, logs.Notes)
	}
	ours, err := h.has(ctx, since, ownMatch)
	if ours {
		return logs, logs.readJournal(ctx, h.Journal, since, []string{ownMatch})
	}
	if err != nil {
		logs.Notes = append(logs.Notes, "The lines of onbehalf are missing, if they are in the journal: "+err.Error())
	}
	for _, name := range []string{"syslog", "messages", "daemon.log"} { // the others would have the same lines
		if h.openAll(logs, since, true, name) > 0 {
			break
		}
	}
	return logs, nil
}

// nothing says why no log can be read.
func (h Host) nothing(journal error, notes []string) error {
	var all []error
	for _, note := range notes {
		all = append(all, errors.New(note))
	}
	if journal != nil {
		all = append(all, journal)
	}
	if len(all) > 0 {
		return fmt.Errorf("no mail log can be read: %w", errors.Join(all...))
	}
	return fmt.Errorf("there is no mail log of that time: the journal has no line of the mail system, and %s has no file mail.log, maillog or mail; "+
		"ask for more time with --since, or name the file: onbehalf trace ... FILE", h.Folder)
}

// Open opens files that somebody names; "-" is standard input. All must be readable.
func Open(paths []string, in io.Reader, now time.Time) (*Logs, error) {
	logs := new(Logs)
	for _, path := range paths {
		if path == "-" {
			logs.Sources = append(logs.Sources, trace.Source{Name: "standard input", In: in, End: now})
			continue
		}
		if err := logs.openNamed(path); err != nil {
			logs.Close()
			return nil, err
		}
	}
	return logs, nil
}
