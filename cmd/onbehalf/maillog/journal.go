package maillog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"onbehalf/trace"
)

// ownMatch is how journalctl finds the lines of onbehalf, whichever unit or shell it runs in.
const ownMatch = "SYSLOG_IDENTIFIER=onbehalf"

// mailMatches find all that counts: the facility mail, onbehalf, and what journald says when it has
// dropped lines (SD_MESSAGE_JOURNAL_DROPPED).
var mailMatches = []string{"SYSLOG_FACILITY=2", "+", ownMatch, "+", "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e"}

// errDenied is what journalctl says to a user who may read his own entries only.
var errDenied = errors.New("the journal shows you your own entries only: run the command as root, or as a user in the group adm or systemd-journal")

// has reports whether the journal has an entry since a time. The error says why that is not known;
// nil where there is no journal.
func (h Host) has(ctx context.Context, since time.Time, match string) (bool, error) {
	if h.Journal == "" {
		return false, nil
	}
	cmd := journalctl(ctx, h.Journal, since, "--lines=1", match)
	var talk said
	cmd.Stderr = &talk
	out, err := cmd.Output()
	switch {
	case bytes.HasPrefix(bytes.TrimSpace(out), []byte("{")):
		return true, nil
	case strings.Contains(talk.String(), "not seeing messages from other users"), strings.Contains(talk.String(), "insufficient permissions"):
		return false, errDenied
	case err != nil && !errors.Is(err, exec.ErrNotFound) && !errors.As(err, new(*exec.ExitError)):
		return false, fmt.Errorf("%s: %w", h.Journal, err)
	}
	return false, nil
}

// journalctl is the command that prints entries as JSON. Without --all it leaves out long fields.
func journalctl(ctx context.Context, program string, since time.Time, args ...string) *exec.Cmd {
	all := []string{"--output=json", "--all", "--no-pager", "--output-fields=MESSAGE,SYSLOG_IDENTIFIER"}
	if !since.IsZero() {
		all = append(all, fmt.Sprintf("--since=@%d", since.Unix()))
	}
	cmd := exec.CommandContext(ctx, program, append(all, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	return cmd
}

// readJournal starts journalctl, whose output is read as it comes.
func (l *Logs) readJournal(ctx context.Context, program string, since time.Time, matches []string) error {
	ctx, cancel := context.WithCancel(ctx)
	cmd := journalctl(ctx, program, since, append([]string{"--quiet"}, matches...)...)
	var talk said
	cmd.Stderr = &talk
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return fmt.Errorf("%s: %w", program, err)
	}
	l.Sources = append(l.Sources, trace.Source{Name: "the journal", In: out, End: time.Now()})
	l.closers = append(l.closers, func() error {
		out.Close()
		err := cmd.Wait()
		cancel()
		if err != nil {
			return fmt.Errorf("the journal may have been read in part: journalctl: %w: %s", err, strings.TrimSpace(talk.String()))
		}
		return nil
	})
	return nil
}

// said keeps the beginning of what a program says.
type said struct{ bytes.Buffer }

// Write never fails, and keeps 4 KiB.
func (t *said) Write(p []byte) (int, error) {
	t.Buffer.Write(p[:min(len(p), max(0, 4<<10-t.Len()))])
	return len(p), nil
}
