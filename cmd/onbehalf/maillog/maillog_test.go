package maillog

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"onbehalf/trace"
)

// answer traces a message in logs, and returns the answers and notes.
func answer(t *testing.T, logs *Logs, err error, query string) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	q, err := trace.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	found := trace.Search(q, trace.Options{}, logs.Sources...)
	logs.Close()
	var all []string
	for _, s := range found.Stories {
		text := s.Answer
		if s.Decision != nil {
			text += " row " + s.Decision.Row
		}
		all = append(all, text)
	}
	return strings.Join(append(all, logs.Notes...), "\n")
}

// write writes a file that was last written at a time.
func write(t *testing.T, path string, text []byte, at time.Time) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(text))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	beginning = "Dec 31 23:58:41 mx1 postfix/smtpd[4101]: AF35A9C86DD: client=app[192.0.2.10]\n" +
		"Dec 31 23:58:41 mx1 postfix/cleanup[4104]: AF35A9C86DD: message-id=<y1@courseware.nl>\n"
	middle = "Dec 31 23:58:41 mx1 postfix/qmgr[890]: AF35A9C86DD: from=<b@courseware.nl>, size=356, nrcpt=1 (queue active)\n" +
		"Dec 31 23:58:42 mx1 postfix/smtp[4105]: AF35A9C86DD: to=<a@receiver.example>, relay=none, delay=0.41, delays=0/0/0/0, dsn=4.4.1, status=deferred (connect to mx: Connection refused)\n"
	end = "Jan  1 00:03:12 mx1 postfix/smtp[4160]: AF35A9C86DD: to=<a@receiver.example>, relay=mx[203.0.113.25]:25, delay=271, delays=271/0/0/0, dsn=2.0.0, status=sent (250 ok)\n" +
		"Jan  1 00:03:12 mx1 postfix/qmgr[890]: AF35A9C86DD: removed\n"
	sent = "Sent to a@receiver.example at mx on the second try, after 4 min 31 s."
)

var newYear = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)

// TestRotatedFilesAreOneLog: whatever their names and order, and whether they are compressed, for
// which their bytes count and not their names.
func TestRotatedFilesAreOneLog(t *testing.T) {
	for name, names := range map[string][3]string{
		"numbers": {"mail.log.2.gz", "mail.log.1", "mail.log"},
		"dates":   {"maillog-20261231.gz", "maillog-20270101", "maillog"},
	} {
		folder := t.TempDir()
		write(t, filepath.Join(folder, names[0]), zipped(t, beginning), newYear.Add(-2*time.Minute))
		write(t, filepath.Join(folder, names[1]), []byte(middle), newYear.Add(-time.Minute))
		write(t, filepath.Join(folder, names[2]), []byte(end), newYear.Add(time.Hour))
		logs, err := Host{Folder: folder}.Open(t.Context(), newYear.Add(-time.Hour))
		if got := answer(t, logs, err, "y1@courseware.nl"); got != sent {
			t.Errorf("%s: %s", name, got)
		}
		logs, err = Open([]string{filepath.Join(folder, names[2]), filepath.Join(folder, names[0]), filepath.Join(folder, names[1])}, nil, newYear)
		if got := answer(t, logs, err, "y1@courseware.nl"); got != sent {
			t.Errorf("%s, named: %s", name, got)
		}
		logs, err = Host{Folder: folder}.Open(t.Context(), newYear)
		if err != nil || len(logs.Sources) != 1 {
			t.Errorf("%s: %d files of this year, want 1 (%v)", name, len(logs.Sources), err)
		}
	}
}

// TestFileOfPostfix: with maillog_file nothing of Postfix is in the journal, though other programs
// of the facility mail may be.
func TestFileOfPostfix(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "postfix.log"), []byte(beginning+middle+end), newYear)
	host := Host{Folder: folder, Files: []string{filepath.Join(folder, "postfix.log")}}
	logs, err := host.Open(t.Context(), time.Time{})
	if got := answer(t, logs, err, "y1@courseware.nl"); got != sent {
		t.Error(got)
	}
	host.Journal = journalctlThat(t, "cat <<'X'\n"+entries+"X\n")
	logs, err = host.Open(t.Context(), time.Time{})
	if got := answer(t, logs, err, "y1@courseware.nl"); got != sent {
		t.Error(got)
	}
	host.Journal = journalctlThat(t, `echo "No journal files were opened due to insufficient permissions." >&2; exit 1`)
	logs, err = host.Open(t.Context(), time.Time{})
	if got := answer(t, logs, err, "y1@courseware.nl"); !strings.HasPrefix(got, sent+"\nThe lines of onbehalf are missing") {
		t.Error(got)
	}
}

const decision = `time=2026-12-31T23:58:41Z level=INFO msg=message queue_id=AF35A9C86DD row="6 on-behalf" action=rewrite reason=x result=done tenant=t` + "\n"

// TestOwnLinesFromSyslog: Postfix's lines in syslog are those of mail.log, and do not count twice.
func TestOwnLinesFromSyslog(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "mail.log"), []byte(beginning+middle+end), newYear)
	write(t, filepath.Join(folder, "syslog"), []byte(beginning+"Dec 31 23:58:41 mx1 onbehalf[1]: "+decision+middle+end), newYear)
	logs, err := Host{Folder: folder}.Open(t.Context(), time.Time{})
	if got := answer(t, logs, err, "y1@courseware.nl"); got != sent+" row 6 on-behalf" {
		t.Error(got)
	}
}

// journalctl writes a program that answers as journalctl does.
func journalctlThat(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journalctl")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

const entries = `{"__REALTIME_TIMESTAMP":"1795694376043005","SYSLOG_IDENTIFIER":"postfix/smtpd","MESSAGE":"4jZw880Hrfz1VJws: client=lms[192.0.2.10]"}
{"__REALTIME_TIMESTAMP":"1795694376043006","SYSLOG_IDENTIFIER":"postfix/cleanup","MESSAGE":"4jZw880Hrfz1VJws: message-id=<j@courseware.nl>"}
{"__REALTIME_TIMESTAMP":"1795694376043007","SYSLOG_IDENTIFIER":"onbehalf","MESSAGE":"time=2026-11-26T11:59:36Z msg=message queue_id=4jZw880Hrfz1VJws row=\"3 key\""}
`

func TestJournalComesFirst(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "mail.log"), []byte(beginning), newYear)
	journal := journalctlThat(t, `case "$* " in
*--since=@1798761600*" SYSLOG_FACILITY=2 + SYSLOG_IDENTIFIER=onbehalf + MESSAGE_ID="*|*--lines=1*) ;;
*) echo "unexpected: $*" >&2; exit 1;;
esac
cat <<'X'
`+entries+"X\n")
	logs, err := Host{Folder: folder, Journal: journal}.Open(t.Context(), newYear)
	if got := answer(t, logs, err, "j@courseware.nl"); !strings.HasSuffix(got, " row 3 key") || strings.Contains(got, "\n") {
		t.Error(got)
	}
}

// TestOwnLinesFromTheJournal: Postfix writes a file, systemd takes the lines of onbehalf.
func TestOwnLinesFromTheJournal(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "mail.log"), []byte(beginning+middle+end), newYear)
	write(t, filepath.Join(folder, "syslog"), []byte(strings.ReplaceAll(decision, "6 on-behalf", "5 wrong")), newYear)
	journal := journalctlThat(t, `case "$*" in
*SYSLOG_FACILITY*) echo "-- No entries --";;
*) cat <<'X'
{"__REALTIME_TIMESTAMP":"1798761521043007","SYSLOG_IDENTIFIER":"onbehalf","MESSAGE":"time=2026-11-26T11:59:36Z msg=message queue_id=AF35A9C86DD row=\"3 key\""}
X
esac
`)
	logs, err := Host{Folder: folder, Journal: journal}.Open(t.Context(), time.Time{})
	if got := answer(t, logs, err, "y1@courseware.nl"); got != sent+" row 3 key" {
		t.Error(got)
	}
}

func TestJournalIsDenied(t *testing.T) {
	for _, said := range []string{
		`echo "Hint: You are currently not seeing messages from other users and the system." >&2`,
		`echo "No journal files were opened due to insufficient permissions." >&2; exit 1`,
	} {
		_, err := Host{Folder: t.TempDir(), Journal: journalctlThat(t, said)}.Open(t.Context(), time.Time{})
		if err == nil || !strings.Contains(err.Error(), "in the group adm or systemd-journal") {
			t.Error(err)
		}
	}
}

// TestJournalBreaksOff: what was read counts, and it is said that it may not be all.
func TestJournalBreaksOff(t *testing.T) {
	journal := journalctlThat(t, "cat <<'X'\n"+entries+"X\necho no more >&2; exit 3\n")
	logs, err := Host{Folder: t.TempDir(), Journal: journal}.Open(t.Context(), time.Time{})
	if got := answer(t, logs, err, "j@courseware.nl"); !strings.HasSuffix(got, "\nthe journal may have been read in part: journalctl: exit status 3: no more") {
		t.Error(got)
	}
}

func TestNothingToRead(t *testing.T) {
	folder := t.TempDir()
	for name, journal := range map[string]string{
		"no journal": "", "empty": journalctlThat(t, `echo "-- No entries --"`), "old": journalctlThat(t, "exit 1"),
	} {
		_, err := Host{Folder: folder, Journal: journal}.Open(t.Context(), time.Time{})
		if err == nil || !strings.Contains(err.Error(), "there is no mail log of that time") || !strings.Contains(err.Error(), folder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := explain("/var/log/mail.log", &fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}); got != "/var/log/mail.log: permission denied; run the command as root, or as a user in the group adm" {
		t.Error(got)
	}
}

// TestOddFiles: what is no log hangs nothing, and is named with the reason.
func TestOddFiles(t *testing.T) {
	folder := t.TempDir()
	log := filepath.Join(folder, "mail.log")
	if err := syscall.Mkfifo(log, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (Host{Folder: folder}).Open(t.Context(), time.Time{}); err == nil || !strings.Contains(err.Error(), log) {
		t.Errorf("a FIFO: %v", err)
	}
	for name, text := range map[string]string{
		"xz":          "\xfd7zXZ\x00rest",
		"zstd":        "\x28\xb5\x2f\xfd  rest",
		"broken gzip": "\x1f\x8bno",
	} {
		path := filepath.Join(folder, "x")
		write(t, path, []byte(text), newYear)
		if _, err := Open([]string{path}, nil, newYear); err == nil || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open([]string{folder}, nil, newYear); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Open([]string{folder + "/gone"}, nil, newYear); err == nil {
		t.Error("a file that is not there was opened")
	}
	cut := zipped(t, strings.Repeat(beginning, 1000))
	path := filepath.Join(folder, "cut.gz")
	write(t, path, cut[:len(cut)-20], newYear)
	logs, err := Open([]string{path}, nil, newYear)
	if err != nil {
		t.Fatal(err)
	}
	q, _ := trace.ParseQuery("y1@courseware.nl")
	if found := trace.Search(q, trace.Options{}, logs.Sources...); !strings.Contains(strings.Join(found.Notes, "\n"), path+": reading behind line ") {
		t.Errorf("a file that is cut: %q", found.Notes)
	}
}
