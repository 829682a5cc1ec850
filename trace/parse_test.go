package trace

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// TestFormats: the same line in all formats is the same line.
func TestFormats(t *testing.T) {
	const text = "CDE9E9C86DD: client=app[192.0.2.10]"
	want := Line{time.Date(2026, 11, 26, 11, 51, 34, 0, time.UTC), "postfix/smtpd", text}
	for name, raw := range map[string]string{
		"traditional":             "Nov 26 11:51:34 mx1 postfix/smtpd[22143]: " + text,
		"with a priority":         "<22>Nov 26 11:51:34 mx1 postfix/smtpd[22143]: " + text,
		"without a process":       "Nov 26 11:51:34 mx1 postfix/smtpd: " + text,
		"ISO":                     "2026-11-26T11:51:34.000000+00:00 mx1 postfix/smtpd[22143]: " + text,
		"ISO of another zone":     "2026-11-26T12:51:34+01:00 mx1 postfix/smtpd[22143]: " + text,
		"journalctl -o short-iso": "2026-11-26T12:51:34+0100 mx1 postfix/smtpd[22143]: " + text,
		"RFC 5424":                "<22>1 2026-11-26T11:51:34Z mx1 postfix/smtpd 22143 - - " + text,
		"RFC 5424, two blanks":    "<22>1 2026-11-26T11:51:34Z mx1 postfix/smtpd 22143 - -  " + text,
		"RFC 5424 with data":      `<22>1 2026-11-26T11:51:34Z mx1 postfix/smtpd 22143 - [a@1 x="\"] y"][b] ` + text,
		"RFC 5424 with a BOM":     "<22>1 2026-11-26T11:51:34Z mx1 postfix/smtpd 22143 - - \ufeff" + text,
		"journal":                 `{"MESSAGE":"` + text + `","__REALTIME_TIMESTAMP":"1795693894000000","SYSLOG_IDENTIFIER":"postfix/smtpd"}`,
		"journal with blanks":     `{ "MESSAGE" : "` + text + `" , "__REALTIME_TIMESTAMP" : "1795693894000000" , "SYSLOG_IDENTIFIER" : "postfix/smtpd" }`,
		"journal with escapes":    `{"MESSAGE":"CDE9E9C86DD\u003a client=app[192.0.2.10]","__REALTIME_TIMESTAMP":"1795693894000000","SYSLOG_IDENTIFIER":"postfix\/smtpd"}`,
		"journal with an array":   `{"X":[1,null],"MESSAGE":"` + text + `","__REALTIME_TIMESTAMP":"1795693894000000","SYSLOG_IDENTIFIER":"postfix/smtpd"}`,
		"journal with a null":     `{"X":null,"MESSAGE":"` + text + `","__REALTIME_TIMESTAMP":"1795693894000000","SYSLOG_IDENTIFIER":"postfix/smtpd"}`,
		"journal with numbers":    `{"MESSAGE":` + numbers(text) + `,"__REALTIME_TIMESTAMP":"1795693894000000","SYSLOG_IDENTIFIER":"postfix/smtpd"}`,
		"journal with backslash":  `{"A":"\\","MESSAGE":"` + text + `","__REALTIME_TIMESTAMP":"1795693894000000","SYSLOG_IDENTIFIER":"postfix/smtpd"}`,
	} {
		c := clock{end: written, loc: time.UTC}
		got, ok := c.parseLine(raw)
		if !ok || !got.Time.Equal(want.Time) || got.Program != want.Program || got.Text != want.Text {
			t.Errorf("%s: %v %q", name, ok, got)
		}
	}
}

func numbers(text string) string {
	var all []int
	for _, b := range []byte(text) {
		all = append(all, int(b))
	}
	out, _ := json.Marshal(all) // numbers can be marshalled
	return string(out)
}

func TestNoFormat(t *testing.T) {
	for _, raw := range []string{
		"", " ", "{", "{}", `{"MESSAGE":"x"}`, `{"MESSAGE":[256],"__REALTIME_TIMESTAMP":"1","SYSLOG_IDENTIFIER":"x"}`,
		`{"MESSAGE":"x","__REALTIME_TIMESTAMP":"soon","SYSLOG_IDENTIFIER":"x"}`, `{"time":"soon"}`,
		"Nov 31 11:51:34 mx1 postfix/smtpd[1]: x", "Now 26 11:51:34 mx1 postfix/smtpd[1]: x", "Nov 26 24:51:34 mx1 postfix/smtpd[1]: x", "Nov 26 11:51:34",
		"ovD 26 11:51:34 mx1 postfix/smtpd[1]: x", "Nov-26 11:51:34 mx1 postfix/smtpd[1]: x", "2026-11-26", "2026-13-26T11:51:34Z mx1 x: y", "2026-11-26T11:51:34Z",
		"<22>", "<>x", "<22222>x", "<22>1 soon mx1 postfix 1 - - x", "<22>1 2026-11-26T11:51:34Z mx1 postfix 1 - [x", "<22><22>Nov 26 11:51:34 mx1 a: b",
		"time=soon msg=message", "-- No entries --", "<22>1 2026-11-26T11:51:34Z",
	} {
		c := clock{end: written, loc: time.UTC}
		if got, ok := c.parseLine(raw); ok {
			t.Errorf("%q is %q", raw, got)
		}
	}
}

// TestYears: stamps without a year, in the order of a file that ends at a time.
func TestYears(t *testing.T) {
	for name, test := range map[string]struct {
		end  string
		want []string // in order; the stamps are made from them
	}{
		"this year":                   {"2026-11-26 12:00:00", []string{"2026-01-02 00:00:00", "2026-11-26 11:00:00"}},
		"a clock that is ahead":       {"2026-12-31 23:00:00", []string{"2027-01-01 01:00:00"}},
		"last year":                   {"2027-01-02 00:00:00", []string{"2026-01-03 00:00:01", "2026-06-01 00:00:00"}},
		"New Year":                    {"2027-01-01 06:00:00", []string{"2026-12-31 23:59:59", "2027-01-01 00:00:00"}},
		"out of order at New Year":    {"2027-01-01 06:00:00", []string{"2026-12-31 23:59:58", "2027-01-01 00:00:00", "2026-12-31 23:59:59", "2027-01-01 00:00:01"}},
		"29 February":                 {"2026-03-01 00:00:00", []string{"2024-02-29 12:00:00", "2024-03-01 12:00:00"}},
		"29 February after a century": {"2101-03-01 00:00:00", []string{"2096-02-29 12:00:00"}},
		"a clock that is set back":    {"2026-11-26 12:00:00", []string{"2026-11-20 12:00:00", "2026-11-10 12:00:00", "2026-11-11 12:00:00"}},
		"half a year without a line":  {"2027-05-01 00:00:00", []string{"2026-11-26 12:00:00", "2027-04-01 12:00:00"}},
	} {
		end, err := time.Parse(time.DateTime, test.end)
		if err != nil {
			t.Fatal(err)
		}
		c := clock{end: end, loc: time.UTC}
		for _, want := range test.want {
			at, err := time.Parse(time.DateTime, want)
			if err != nil {
				t.Fatal(err)
			}
			line, ok := c.parseLine(at.Format(time.Stamp) + " mx1 postfix/smtpd[1]: x")
			if got := line.Time.Format(time.DateTime); !ok || got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
}

func TestQueueIDs(t *testing.T) {
	for text, want := range map[string]bool{
		"CDE9E9C86DD": true, "AF35A9": true, "4jZw872b6Zz1VJwp": true, "00000000": true,
		"": false, "AF35A": false, "warning": false, "NOQUEUE": false, "Deleted": false, "statistics": false, "4jZw872b6Z1VJwp": false,
		"table socketmap": false, "CDE9E9C86DDCDE9E9C86DDCDE9E9C86DD": false, "connect": false, "Subject": false, "zzzzzz": false,
	} {
		if isQueueID(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

// TestQueries: what is looked for, as people write it.
func TestQueries(t *testing.T) {
	for text, want := range map[string]string{
		"A.Student@Receiver.Example": "a.student@receiver.example", "<x@y>": "x@y", " 4jZw872b6Zz1VJwp ": "4jZw872b6Zz1VJwp",
		`"a b"@x.example`: `"a b"@x.example`,
		"":                "", "@x.example": "", "a@": "", "student": "", "CDE9": "", "<>": "",
	} {
		got, err := ParseQuery(text)
		if got.text != want || (err == nil) == (want == "") {
			t.Errorf("%q: %q %v", text, got.text, err)
		}
	}
}

func TestNamesAreWhole(t *testing.T) {
	for text, want := range map[string]bool{
		"x <a@b.example>": true, "failed 5.1.1 for a@b.example, delayed": true, "a@b.example": true, "to a@b.example.": true, "mailto:a@b.example": true,
		"aa@b.example": false, "a@b.example.org": false, "x.a@b.example": false, "a@b.example2": false, "": false, "aa@b.example a@b.example": true,
		"èa@b.example": false,
	} {
		if names(text, "a@b.example") != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

// TestEvents reads lines of Postfix that no case has.
func TestEvents(t *testing.T) {
	for text, want := range map[string]event{
		"to=<a b, relay=x@y.example>, relay=mx[1.2.3.4]:25, delay=1, dsn=2.0.0, status=sent (250 ok)":              {kind: tried, to: "a b, relay=x@y.example", relay: "mx[1.2.3.4]:25", delay: time.Second, dsn: "2.0.0", status: "sent", words: "250 ok"},
		`to=<"a>, relay=\"x"@y.example>, relay=none, delay=x, dsn=4.4.1, status=deferred (`:                        {kind: tried, to: `"a>, relay=\"x"@y.example`, relay: "none", dsn: "4.4.1", status: "deferred", cut: true},
		"to=<a@y.example>, orig_to=<root>, relay=local, delay=0, dsn=2.0.0, status=sent (delivered to command: x)": {kind: tried, to: "a@y.example", origTo: "root", relay: "local", dsn: "2.0.0", status: "sent", words: "delivered to command: x"},
		"to=<a@y.example>":               {kind: remark, to: "a@y.example"},
		"to=":                            {kind: remark},
		"from=<a@y.example>, size=1, nr": {kind: queued, from: "a@y.example", sized: true},
		"from=<a@y.exa":                  {kind: remark, from: "a@y.exa"},
		"from=<>, status=force-expired, returned to sender":                                                                         {kind: expired, sized: true, status: "force-expired"},
		"reject: header Subject: from here; from=<x from mx[1.2.3.4]; from=<a@b> to=<c@d> proto=ESMTP helo=<h>: 5.7.1 no":           {kind: rejected, stage: "header", client: "mx[1.2.3.4]", from: "a@b", sized: true, to: "c@d", status: "reject", words: "5.7.1 no"},
		"milter-reject: CONNECT from mx[1.2.3.4]: 451 4.7.1 later; proto=SMTP":                                                      {kind: rejected, stage: "CONNECT", client: "mx[1.2.3.4]", status: "reject", byMilter: true, words: "451 4.7.1 later; proto=SMTP"},
		"milter-discard: END-OF-MESSAGE from mx[1.2.3.4]: milter triggers DISCARD action; from=<a@b> to=<c@d> proto=ESMTP helo=<h>": {kind: rejected, stage: "END-OF-MESSAGE", client: "mx[1.2.3.4]", from: "a@b", sized: true, to: "c@d", status: "discard", byMilter: true, words: "milter triggers DISCARD action"},
		"reject":                       {kind: remark, words: "reject"},
		"removed by somebody":          {kind: remark, words: "removed by somebody"},
		"host mx[1.2.3.4] said: 450 x": {kind: remark, words: "host mx[1.2.3.4] said: 450 x"},
	} {
		want.id = "CDE9E9C86DD"
		if got, ok := parsePostfix(Line{Text: "CDE9E9C86DD: " + text}); !ok || got != want {
			t.Errorf("%s\n%+v, want\n%+v", text, got, want)
		}
	}
}

func TestSpans(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "", 400 * time.Millisecond: "", 3200 * time.Millisecond: "3 s", 271 * time.Second: "4 min 31 s", 25 * time.Hour: "1 d 1 h",
		time.Hour: "1 h", 5*24*time.Hour + 2*time.Second: "5 d 2 s", -time.Hour: "",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int]string{1: "first", 3: "third", 4: "4th", 11: "11th", 12: "12th", 21: "21st", 22: "22nd", 23: "23rd", 113: "113th"} {
		if got := ordinal(n); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}

// seeds are the lines of all cases.
func seeds(f *testing.F) (logs []string) {
	f.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		f.Fatal("no case", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range txtar.Parse(text).Files {
			if file.Name == "log" || file.Name == "onbehalf" {
				logs = append(logs, string(file.Data))
			}
		}
	}
	return logs
}

// FuzzLine: nothing that a log holds panics, and what is read was in the line.
func FuzzLine(f *testing.F) {
	for _, text := range seeds(f) {
		for line := range strings.Lines(text) {
			f.Add(strings.TrimRight(line, "\n"))
		}
	}
	f.Fuzz(func(t *testing.T, raw string) {
		c := clock{end: written, loc: time.UTC}
		line, ok := c.parseLine(raw)
		if !ok {
			return
		}
		e, ok := parse(line)
		if !ok {
			return
		}
		for _, text := range []string{e.to, e.from, e.origTo, e.relay, e.dsn, e.messageID} {
			if e.program != program && !strings.Contains(line.Text, text) {
				t.Errorf("%q is not in %q", text, line.Text)
			}
		}
	})
}

// FuzzObject: what the quick reader of journal entries takes is what encoding/json reads.
func FuzzObject(f *testing.F) {
	for _, text := range seeds(f) {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "{") {
				f.Add(strings.TrimRight(line, "\n"))
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw string) {
		_, identifier, message, ok := plainObject(raw)
		if !ok || !json.Valid([]byte(raw)) {
			return
		}
		var want map[string]string
		if err := json.Unmarshal([]byte(raw), &want); err != nil {
			t.Fatalf("%q: taken, and %v", raw, err)
		}
		valid := func(text string) string { return strings.ToValidUTF8(text, "\ufffd") }
		if valid(strings.ReplaceAll(message, "\ufffd", "")) != valid(strings.ReplaceAll(want["MESSAGE"], "\ufffd", "")) && !strings.Contains(want["MESSAGE"], "\ufffd") ||
			identifier != want["SYSLOG_IDENTIFIER"] && !strings.Contains(want["SYSLOG_IDENTIFIER"], "\ufffd") {
			t.Errorf("%q: %q %q, want %q", raw, identifier, message, want)
		}
	})
}

// FuzzSearch: no log, however it is cut and mixed, panics, and each message is found by its queue
// id.
func FuzzSearch(f *testing.F) {
	for _, text := range seeds(f) {
		f.Add(text, "a.student@receiver.example")
	}
	f.Fuzz(func(t *testing.T, text, query string) {
		q, err := ParseQuery(query)
		if err != nil || len(text) > 20000 {
			return
		}
		found := Search(q, Options{}, Source{Name: "log", In: strings.NewReader(text), End: written})
		for _, s := range found.Stories {
			if s.Answer == "" || s.Time.IsZero() && !strings.Contains(text, "0001") {
				t.Errorf("a story without an answer or a time: %+v", s)
			}
			for _, id := range s.QueueIDs {
				again := Search(Query{text: id, isID: true}, Options{}, Source{Name: "log", In: strings.NewReader(text), End: written})
				if len(again.Stories) == 0 {
					t.Errorf("%s is not found", id)
				}
			}
		}
	})
}
