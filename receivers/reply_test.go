package receivers

import (
	"reflect"
	"strings"
	"testing"
	"unicode"
)

func TestParseReply(t *testing.T) {
	one := func(code int, enhanced, text string) []Line { return []Line{{code, enhanced, text}} }
	tests := []struct {
		text string
		want Reply
	}{
		{"550 5.1.1 no such user", Reply{Lines: one(550, "5.1.1", "no such user")}},
		{"550-5.7.26 a\r\n550-5.7.26 b\r\n550 5.7.26 c\r\n", Reply{Lines: []Line{{550, "5.7.26", "a"}, {550, "5.7.26", "b"}, {550, "5.7.26", "c"}}}},
		{"550-5.7.26 a 550-5.7.26 b 550 5.7.26 c", Reply{Lines: []Line{{550, "5.7.26", "a"}, {550, "5.7.26", "b"}, {550, "5.7.26", "c"}}}},
		{"421-4.7.32 a 421 4.7.32 b (in reply to end of DATA command)", Reply{Lines: []Line{{421, "4.7.32", "a"}, {421, "4.7.32", "b"}}}},
		{"550-the last line 550-is miss", Reply{Lines: []Line{{550, "", "the last line"}, {550, "", "is miss"}}}},
		{"550 see line 550 of the book, or 550-a", Reply{Lines: one(550, "", "see line 550 of the book, or 550-a")}},
		{"554", Reply{Lines: one(554, "", "")}},
		{"554-", Reply{Lines: one(554, "", "")}},
		{"554 5.7.1", Reply{Lines: one(554, "5.7.1", "")}},
		{"553 Message filtered. (#5.7.1)", Reply{Lines: one(553, "5.7.1", "Message filtered. (#5.7.1)")}},
		{"550 #5.1.0 Address rejected", Reply{Lines: one(550, "5.1.0", "Address rejected")}},
		{"550 5.1.1: no", Reply{Lines: one(550, "5.1.1", "no")}},
		{"550 10.5.1.1 is your IP", Reply{Lines: one(550, "", "10.5.1.1 is your IP")}},
		{"550 5.1.1.1 is your IP", Reply{Lines: one(550, "", "5.1.1.1 is your IP")}},
		{"5501 no code", Reply{Lines: one(0, "", "5501 no code")}},
		{"4.7.1 Service unavailable", Reply{Lines: one(0, "4.7.1", "Service unavailable")}},
		{"smtp; 550 5.1.1 folded\n\tdiagnostic", Reply{Lines: one(550, "5.1.1", "folded diagnostic")}},
		{"SMTP;550 x", Reply{Lines: one(550, "", "x")}},
		{"X-Postfix; host mx.example[192.0.2.1]:25 said: 550 x (in reply to RCPT TO command)", Reply{Host: "mx.example", Lines: one(550, "", "x")}},
		{"host mx.example[2001:db8::1] refused to talk to me: 421 4.7.0 x", Reply{Host: "mx.example", Refused: true, Lines: one(421, "4.7.0", "x")}},
		{"delivery temporarily suspended: host mx.example[192.0.2.1] refused to talk to me: 421 x",
			Reply{Host: "mx.example", Refused: true, Repeated: true, Lines: one(421, "", "x")}},
		{"delivery temporarily suspended: connect to mx.example[192.0.2.1]:25: Connection refused",
			Reply{Repeated: true, Lines: one(0, "", "connect to mx.example[192.0.2.1]:25: Connection refused")}},
		{"550 host mx.google.com[192.0.2.1] said: 421 no", Reply{Lines: one(550, "", "host mx.google.com[192.0.2.1] said: 421 no")}},
		{"Remote Server returned '550 5.7.23 x'", Reply{Lines: one(550, "5.7.23", "x")}},
		{"550 zur\xfcck", Reply{Lines: one(550, "", "zur?ck")}},
		{"", Reply{Lines: one(0, "", "")}},
	}
	for _, test := range tests {
		if got := ParseReply(test.text); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q:\n%+v, want\n%+v", test.text, got, test.want)
		}
	}
}

func TestParseReplyIsBounded(t *testing.T) {
	r := ParseReply(strings.Repeat("550-x ", 1<<20))
	if size := len(r.String()); size > longest {
		t.Errorf("%d bytes are kept", size)
	}
}

func FuzzExplain(f *testing.F) {
	for _, s := range samples {
		f.Add(s.host, "5.0.0", s.reply)
	}
	f.Add("none", "4.7.5", "X-Postfix; host a[b] said: 550-5.7.1 x 550 (#5.7.1) (in reply to x)")
	f.Fuzz(func(t *testing.T, host, status, text string) {
		r := ParseReply(text)
		if len(r.Lines) == 0 {
			t.Fatal("no line")
		}
		if again := ParseReply(r.String()); r.said() && !reflect.DeepEqual(again.Lines, r.Lines) {
			t.Errorf("%q reads as %+v, and printed %q as %+v", text, r.Lines, r, again.Lines)
		}
		r.Host, r.Status = host, status
		got := Explain(r)
		if got.Class == "" || got.Means == "" || (got.Entry == 0) != (got.Class == Other && got.Fix == "") {
			t.Errorf("%+v", got)
		}
		if strings.ContainsFunc(got.String()+got.Fix, func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Errorf("what does not print is shown: %q", got)
		}
	})
}
