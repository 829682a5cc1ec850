package postfix

import (
	"context"
	"strings"
)

// Logging is what Postfix says about its log, and what of its log must be known.
type Logging struct {
	File string // maillog_file; empty: it logs to syslog, or to a device
	Copy string // always_bcc, whom all mail goes to as well; empty: nobody
}

// Logging asks postconf. Without a Postfix it is the zero value.
func (i Instance) Logging(ctx context.Context) Logging {
	text, _ := i.run(ctx, "postconf", "-x", "maillog_file", "always_bcc") // where it fails there is nothing to say
	settings := parseSettings(text)
	l := Logging{File: settings["maillog_file"], Copy: settings["always_bcc"]}
	if strings.HasPrefix(l.File, "/dev/") {
		l.File = ""
	}
	return l
}
