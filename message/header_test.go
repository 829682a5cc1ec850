package message_test

import (
	"bufio"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"onbehalf/message"
)

func TestReadHeader(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want message.Header
		body string
	}{
		{"LF", "A: 1\nB: 2\n\nbody\n", message.Header{{"A", " 1"}, {"B", " 2"}}, "body\n"},
		{"CRLF", "A: 1\r\nB: 2\r\n\r\nbody\r\n", message.Header{{"A", " 1"}, {"B", " 2"}}, "body\r\n"},
		{"fold, LF", "A: 1\n  2\n\t3\n\n", message.Header{{"A", " 1\r\n  2\r\n\t3"}}, ""},
		{"fold, CRLF", "A: 1\r\n 2\r\n\r\n", message.Header{{"A", " 1\r\n 2"}}, ""},
		{"fold of blanks", "A: 1\n \nB: 2\n\n", message.Header{{"A", " 1\r\n "}, {"B", " 2"}}, ""},
		{"fold at once", "A:\n 1\n\n", message.Header{{"A", "\r\n 1"}}, ""},
		{"octets are kept", "A:\t 1\xff \n\n", message.Header{{"A", "\t 1\xff "}}, ""},
		{"colons in the value", "A: b: c\n\n", message.Header{{"A", " b: c"}}, ""},
		{"empty value", "A:\n\n", message.Header{{"A", ""}}, ""},
		{"blank before the colon", "A : 1\n\n", message.Header{{"A", " 1"}}, ""},
		{"bare CR inside", "A: 1\r2\n\n", message.Header{{"A", " 1\r2"}}, ""},
		{"no blank line", "A: 1\nB: 2\n", message.Header{{"A", " 1"}, {"B", " 2"}}, ""},
		{"no final line end", "A: 1", message.Header{{"A", " 1"}}, ""},
		{"bad line ends the header", "A: 1\nno field\nB: 2\n", message.Header{{"A", " 1"}}, "no field\nB: 2\n"},
		{"bad name ends the header", "A: 1\nB b: 2\n", message.Header{{"A", " 1"}}, "B b: 2\n"},
		{"empty name ends the header", "A: 1\n: 2\n", message.Header{{"A", " 1"}}, ": 2\n"},
		{"mbox line", "From a@x.example Mon Jun  1 09:00:00 2026\nA: 1\n\nbody", message.Header{{"A", " 1"}}, "body"},
		{"mbox line later ends the header", "A: 1\nFrom a@x.example\nB: 2\n", message.Header{{"A", " 1"}}, "From a@x.example\nB: 2\n"},
		{"a field called From", "From: a@x.example\n\n", message.Header{{"From", " a@x.example"}}, ""},
		{"repeated fields keep their order", "A: 1\na: 2\nA: 3\n\n", message.Header{{"A", " 1"}, {"a", " 2"}, {"A", " 3"}}, ""},
		{"body starts with blank lines", "A: 1\n\n\nbody", message.Header{{"A", " 1"}}, "\nbody"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"at once": strings.NewReader(test.in), "by octets": iotest.OneByteReader(strings.NewReader(test.in)),
			} {
				reader := message.NewReader(r)
				got, err := message.ReadHeader(reader)
				body, _ := io.ReadAll(reader)
				if err != nil || !slices.Equal(got, test.want) || string(body) != test.body {
					t.Errorf("%s: %q, body %q, %v; want %q, body %q", name, got, body, err, test.want, test.body)
				}
			}
		})
	}
}

func TestReadHeaderErrors(t *testing.T) {
	many := strings.Repeat("A: "+strings.Repeat("x", 997)+"\n", 1049) // 1,049,000 octets, over 1 MiB
	tests := []struct{ name, in, fail string }{
		{"nothing", "", "no header field found"},
		{"no header", "\nbody\n", "no header field found"},
		{"text", "Hello\n", "no header field found"},
		{"mbox line alone", "From a@x.example\n", "no header field found"},
		{"starts with a fold", " 1\nA: 2\n", "continuation line"},
		{"long line", "A: " + strings.Repeat("x", 1<<20) + "\n\n", "longer than"},
		{"long header", many + "\n", "longer than"},
		{"long header of folds", "A: 1\n" + strings.Repeat(" x\n", 1<<19), "longer than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			header, err := message.ReadHeader(message.NewReader(strings.NewReader(test.in)))
			if header != nil {
				t.Errorf("%d fields", len(header))
			}
			checkError(t, err, test.fail)
		})
	}
	broken := errors.New("disk on fire")
	reader := bufio.NewReader(io.MultiReader(strings.NewReader("A: 1\n"), iotest.ErrReader(broken)))
	if _, err := message.ReadHeader(reader); !errors.Is(err, broken) {
		t.Errorf("a broken reader gives %v", err)
	}
}

func TestReadHeaderTime(t *testing.T) {
	atOnce(t, func() {
		h, err := message.ReadHeader(message.NewReader(strings.NewReader("A: 1\n" + strings.Repeat(" \n", 1<<18))))
		if err != nil || len(h) != 1 {
			t.Error(len(h), err)
		}
	})
}

func TestHeader(t *testing.T) {
	h := message.Header{{"A", " 1"}, {"B", " 2\r\n 3 "}, {"a", " 4"}}
	if f, found := h.Get("A"); !found || f.Value != " 1" {
		t.Errorf("Get is %q, %v", f, found)
	}
	if f, found := h.Get("C"); found || f != (message.Field{}) {
		t.Errorf("Get is %q, %v", f, found)
	}
	if all := h.All("A"); !slices.Equal(all, []message.Field{{"A", " 1"}, {"a", " 4"}}) {
		t.Errorf("All is %q", all)
	}
	if !h.Has("b") || h.Has("C") {
		t.Error("Has is wrong")
	}
	if got := h[1].Text(); got != "2 3" {
		t.Errorf("Text is %q", got)
	}
	if got := h.String(); got != "A: 1\r\nB: 2\r\n 3 \r\na: 4\r\n" {
		t.Errorf("String is %q", got)
	}
}

func TestFieldClean(t *testing.T) {
	for value, want := range map[string]bool{
		"": true, " a": true, " a\r\n b": true, " a\r\n\tb": true, " a\r\n \r\n b": true, " a\x01": true,
		" a\r": false, " a\n": false, " a\n b": false, " a\r b": false, " a\r\nb": false, " a\r\n": false, " a\r\r\n b": false, " \x00": false,
	} {
		if got := (message.Field{Name: "A", Value: value}).Clean(); got != want {
			t.Errorf("%q is clean: %v", value, got)
		}
	}
}

func TestValidFieldName(t *testing.T) {
	for name, want := range map[string]bool{
		"From": true, "X-Original-From": true, "!": true, "~": true,
		"": false, "A B": false, "A:": false, "A\r\n": false, "Ä": false, "A\x7f": false, "\x00": false, " A": false,
	} {
		if got := message.ValidFieldName(name); got != want {
			t.Errorf("%q is a field name: %v", name, got)
		}
	}
}

func TestFold(t *testing.T) {
	word := strings.Repeat("x", 30)
	tests := []struct{ name, in, want string }{
		{"short", "a b", " a b"},
		{"empty", "", ""},
		{"blanks", " \t\r\n ", ""},
		{"runs of blanks", "  a \t b  ", " a   b"},
		{"a run of sixty blanks", "a" + strings.Repeat(" ", 60) + "b", " a" + strings.Repeat(" ", 60) + "b"},
		{"more than that", "a" + strings.Repeat(" ", 61) + "b", " a b"},
		{"folded before a run of blanks", word + " " + word + "     " + word, " " + word + " " + word + "\r\n     " + word},
		{"a fold is undone", " a\r\n b", " a b"},
		{"folded again", strings.Join([]string{word, word, word, word}, " "), " " + word + " " + word + "\r\n " + word + " " + word},
		{"a line of 78 octets", strings.Repeat("x", 76-len("Name")) + " y", " " + strings.Repeat("x", 76-len("Name")) + "\r\n y"},
		{"long word", strings.Repeat("x", 100), "\r\n " + strings.Repeat("x", 100)},
		{"bare line ends", "a\rb\nc\r\nBcc: d", " a␍b␊c␍␊Bcc: d"},
		{"outer bare line ends", "\ra\n", " ␍a␊"},
		{"NUL and others", "a\x00b\x1bc\x7fd", " a␀b␛c␡d"},
		{"UTF-8", "Zoë", " Zoë"},
		{"Latin-1", "Zo\xeb", " Zo\xeb"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := message.Fold("Name", test.in)
			if got != test.want {
				t.Errorf("Fold(%q) = %q, want %q", test.in, got, test.want)
			}
			checkWritten(t, "Name", got)
		})
	}
}

// checkWritten holds what is true of every value that we write: one field, no line
// above 998 octets nor, where white space allows, above 78, no line empty, and no
// control character outside a fold.
func checkWritten(t *testing.T, name, value string) {
	t.Helper()
	f := message.Field{Name: name, Value: value}
	for i, line := range strings.Split(strings.TrimSuffix(f.String(), "\r\n"), "\r\n") {
		if len(line) > 998 {
			t.Fatalf("a line of %d octets in %.200q", len(line), value)
		}
		if i == 0 && len(line) > 78 && line != name+":" {
			t.Fatalf("%q could have been folded", line)
		}
		if inner := strings.TrimLeft(line, " "); len(line) > 78 && i > 0 && strings.Contains(unquoted(inner), " ") {
			t.Fatalf("%q could have been folded", line)
		}
		if i > 0 && strings.Trim(line, " ") == "" {
			t.Fatalf("an empty line in %.200q", value)
		}
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Fatalf("a control character in %.200q", value)
		}
	}
	if value == "" {
		return
	}
	reader := bufio.NewReader(strings.NewReader(f.String() + "\r\n"))
	header, err := message.ReadHeader(reader)
	if err != nil || len(header) != 1 || header[0].Name != name || header[0].Text() != f.Text() {
		t.Fatalf("%.200q is read as %.200q, %v", f, header, err)
	}
	if rest, _ := io.ReadAll(reader); len(rest) > 0 {
		t.Fatalf("%.200q leaves %.200q", f, rest)
	}
}

// unquoted takes quoted strings out of a line: they are not folded.
func unquoted(line string) string {
	var b strings.Builder
	in := false
	for i := 0; i < len(line); i++ {
		switch {
		case in && line[i] == '\\':
			i++
		case line[i] == '"':
			in = !in
		case !in:
			b.WriteByte(line[i])
		}
	}
	return b.String()
}

// FuzzFold: whatever goes in, one safe field comes out, and folding is done once.
func FuzzFold(f *testing.F) {
	for _, s := range []string{
		"a\r\nBcc: b@x.example", "a\rb\nc\x00d", strings.Repeat("x", 3000), strings.Repeat("\x80", 3000), strings.Repeat("ü", 1500),
		strings.Repeat("x ", 500), "\r\n\r\n", "\r\n \r\n", " \r", "\t",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		value := message.Fold("X", s)
		for line := range strings.SplitSeq(value, "\r\n") {
			if len(line) > 78 && strings.Contains(strings.Trim(line, " "), " ") {
				t.Fatalf("%q could have been folded", line)
			}
			if len(line) > 998-len("X:") {
				t.Fatalf("a line of %d octets", len(line))
			}
		}
		if bare := strings.ReplaceAll(value, "\r\n ", ""); strings.ContainsAny(bare, "\r\n\x00") {
			t.Fatalf("%q holds a line end or NUL", value)
		}
		if value != "" {
			reader := bufio.NewReader(strings.NewReader("X:" + value + "\r\n\r\n"))
			if h, err := message.ReadHeader(reader); err != nil || len(h) != 1 || h[0].Value != value {
				t.Fatalf("%q is read as %q, %v", value, h, err)
			}
		}
		if again := message.Fold("X", value); len(s) < 900 && again != value {
			t.Fatalf("%q is folded to %q and then %q", s, value, again)
		}
	})
}

// FuzzReadHeader: what is read prints as what reads the same.
func FuzzReadHeader(f *testing.F) {
	for _, s := range []string{"A: 1\n\n", "From a\nA: 1\r\n 2\n\nbody", "A:\n \nB\n", " x", "A : 1\r\r\n\n", "A: \r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h, err := message.ReadHeader(bufio.NewReaderSize(strings.NewReader(s), 1<<16))
		if err != nil {
			return
		}
		for _, field := range h {
			if !message.ValidFieldName(field.Name) {
				t.Fatalf("%q has the field %q", s, field)
			}
		}
		again, err := message.ReadHeader(bufio.NewReaderSize(strings.NewReader(h.String()+"\r\n"), 1<<17))
		if err != nil || !slices.Equal(again, h) {
			t.Fatalf("%q is read as %q, which is read as %q, %v", s, h, again, err)
		}
	})
}
