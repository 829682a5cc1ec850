package trace

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// around puts a beginning and an end around a long log.
func around(beginning, end string, lines int) Source {
	return Source{Name: "log", In: io.MultiReader(strings.NewReader(beginning), newGenerated(iso, lines), strings.NewReader(end)), End: written}
}

// narrow holds the messages of a second, and enough is many more lines.
var narrow = limits{window: 1 << 20, wanted: 1 << 20, stories: 100}

const enough = 20_000

// TestLongInTheQueue: what is known of a message that is still in the queue is not forgotten,
// though the window has gone on, and one that has left it is.
func TestLongInTheQueue(t *testing.T) {
	const beginning = `2026-11-25T11:59:35+00:00 mx1 postfix/smtpd[1]: 4jZw872b6Zz1VJwp: client=app[192.0.2.10]
2026-11-25T11:59:35+00:00 mx1 postfix/cleanup[2]: 4jZw872b6Zz1VJwp: message-id=<waits@courseware.nl>
2026-11-25T11:59:35+00:00 mx1 postfix/qmgr[3]: 4jZw872b6Zz1VJwp: from=<a@courseware.nl>, size=322, nrcpt=1 (queue active)
2026-11-25T11:59:35+00:00 mx1 postfix/smtpd[1]: 4jZw872cccz1VJwp: client=app[192.0.2.10]
2026-11-25T11:59:35+00:00 mx1 postfix/qmgr[3]: 4jZw872cccz1VJwp: removed
`
	const end = `2026-11-28T11:59:35+00:00 mx1 postfix/smtp[4]: 4jZw872b6Zz1VJwp: to=<late@receiver.example>, relay=mx[203.0.113.25]:25, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)
2026-11-28T11:59:35+00:00 mx1 postfix/smtp[4]: 4jZw872cccz1VJwp: to=<gone@receiver.example>, relay=mx[203.0.113.25]:25, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)
`
	found := searchWithin(narrow, Query{text: "late@receiver.example"}, Options{}, around(beginning, end, enough))
	if len(found.Stories) != 1 || found.Stories[0].MessageID != "<waits@courseware.nl>" || found.Stories[0].Client != "app[192.0.2.10]" {
		t.Errorf("%+v", found.Stories)
	}
	found = searchWithin(narrow, Query{text: "gone@receiver.example"}, Options{}, around(beginning, end, enough))
	if len(found.Stories) != 1 || len(found.Stories[0].Notes) == 0 || !strings.HasPrefix(found.Stories[0].Notes[0], "Its beginning is missing") {
		t.Errorf("%+v", found.Stories)
	}
}

// TestTooMany: when nearly all messages match, the newest are shown, and it is said how many are
// not.
func TestTooMany(t *testing.T) {
	found := searchWithin(narrow, Query{text: "academy@school.example"}, Options{}, around("", "", enough))
	messages := (enough + 6) / 7
	if len(found.Stories) != narrow.stories || found.Older == 0 || found.Older+narrow.stories > messages || !strings.Contains(strings.Join(found.Notes, "\n"), "older messages match") {
		t.Errorf("%d stories, %d older, of at most %d messages: %q", len(found.Stories), found.Older, messages, found.Notes)
	}
	newest := found.Stories[0].Time
	for _, s := range found.Stories {
		if s.Time.After(newest) {
			t.Fatalf("a story of %v behind one of %v", s.Time, newest)
		}
		newest = s.Time
	}
}

// TestHugeMessage: a message with more lines than are kept, and words that name other messages,
// cost what is bounded.
func TestHugeMessage(t *testing.T) {
	var b strings.Builder
	words := strings.Repeat("x", 1500)
	for i := range 12_000 {
		fmt.Fprintf(&b, "2026-11-25T11:59:35+00:00 mx1 postfix/smtp[1]: 4jZw872b6Zz1VJwp: to=<a%d@receiver.example>, relay=mx[203.0.113.25]:25, delay=1, dsn=4.0.0, status=deferred (%s)\n", i, words)
	}
	fmt.Fprintf(&b, "%s\n", strings.Repeat("y", 1<<20))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	found := Search(Query{text: "4jZw872b6Zz1VJwp", isID: true}, Options{}, Source{Name: "log", In: strings.NewReader(b.String()), End: written})
	runtime.GC()
	runtime.ReadMemStats(&after)
	if len(found.Stories) != 1 || !strings.Contains(strings.Join(found.Stories[0].Notes, "\n"), "more lines about it than are read") {
		t.Fatalf("%d stories", len(found.Stories))
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4*mostBytes {
		t.Errorf("%d MiB are kept", grown>>20)
	}
	if found.Lines != 12_001 {
		t.Errorf("%d lines", found.Lines)
	}
}
