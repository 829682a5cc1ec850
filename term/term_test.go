package term

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/sys/unix"
)

// TestCleanDisarms holds that nothing of a stranger's moves the cursor or turns letters round.
func TestCleanDisarms(t *testing.T) {
	for text, want := range map[string]string{
		"plain é 漢 👍":                     "plain é 漢 👍",
		"\x1b[2J\x07":                     "?[2J?",
		"C1 \u009b2J":                     "C1 ?2J",
		"moc\u202eelpmaxe.live\u2066":     "moc?elpmaxe.live?",
		"two\r\nlines\tand\u00a0\u2028ah": "two  lines and  ah",
		"broken \xff\xc3":                 "broken ??",
		"soft\u00ad zero\u200bwidth":      "soft? zero?width",
	} {
		if got := Clean(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got, want := CleanLines("From: a\r\n\tb\x1b\n"), "From: a \n\tb?\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestWidthCountsCells holds that width is what a terminal shows, not octets or runes.
func TestWidthCountsCells(t *testing.T) {
	for text, want := range map[string]int{"": 0, "abc": 3, "é": 1, "e\u0301": 1, "漢字": 4, "👍": 2, "ﾊﾝ": 2, "…": 1} {
		if got := Width(text); got != want {
			t.Errorf("%q takes %d columns, want %d", text, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct{ text, first, rest, want string }{
		{"one two three four", "", "", "one two\nthree four\n"},
		{"one two three", "# ", "#   ", "# one two\n#   three\n"},
		{"漢字漢字 漢字漢字", "", "", "漢字漢字\n漢字漢字\n"},
		{"e\u0301e\u0301e\u0301e\u0301 e\u0301e\u0301e\u0301e\u0301e\u0301", "", "", "e\u0301e\u0301e\u0301e\u0301 e\u0301e\u0301e\u0301e\u0301e\u0301\n"},
		{"a-word-that-is-wider stays whole", "", "", "a-word-that-is-wider\nstays\nwhole\n"},
		{"", "label ", "", "label\n"},
		{"a\nb \x1bc", "", "", "a b ?c\n"},
	} {
		if got := Wrap(c.text, c.first, c.rest, 10); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
	if got, want := Wrap("one two three", "漢 ", "   ", 10), "漢 one two\n   three\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestPrinter(t *testing.T) {
	var b bytes.Buffer
	p := &Printer{out: &b, columns: 20}
	p.Heading("Title %d", 1)
	p.Item("label", 8, "%s", "text that is wrapped")
	p.Item("a label too wide", 8, "%s", "text")
	p.Item("  x     ", 8, "%s", "as wide as its blanks")
	p.Item("alone", 8, "")
	p.Item("", 8, "")
	p.Table([]string{"NAME", "漢"}, [][]string{{"a\x1b", "b"}, {"漢字", "c"}}, func(i int) { p.Item("", 4, "row %d", i) })
	p.Blank()
	p.Lines("Subject: \x1b[2J\n\tfolded\n")
	const want = `Title 1
label   text that is
        wrapped
a label too wide
        text
  x     as wide as
        its blanks
alone
NAME  漢
a?    b
    row 0
漢字  c
    row 1

Subject: ?[2J
	folded
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}

// TestColourOnTerminalsOnly holds that a pipe gets neither colour nor progress, and 80 columns.
func TestColourOnTerminalsOnly(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	p := New(writer)
	if p.columns != Columns || p.colour || IsTerminal(writer) || IsTerminal("text") {
		t.Errorf("a pipe is taken for a terminal: %+v", p)
	}
	if got := p.Paint(Red, "a\x1b"); got != "a?" {
		t.Errorf("%q", got)
	}
	if got := (&Printer{colour: true}).Paint(Red, "a\x1b"); got != "\x1b[31ma?\x1b[0m" {
		t.Errorf("%q", got)
	}
	NewProgress(writer).Show("1 of 2")
	NewProgress(writer).Done()
	writer.Close()
	var b bytes.Buffer
	b.ReadFrom(reader)
	if b.Len() > 0 {
		t.Errorf("a pipe gets %q", b.String())
	}
	progress := Progress{&b}
	progress.Show("%d\n of 2", 1)
	progress.Done()
	if got, want := b.String(), "\r\x1b[K1  of 2\r\x1b[K"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// FuzzWrap holds for every text: what is printed is printable, and no line is too wide unless one
// word is.
func FuzzWrap(f *testing.F) {
	f.Add("a \u202e\u0301 漢字 \x1b[2J e\u0301 👍🏽\u200d", "label ")
	f.Fuzz(func(t *testing.T, text, label string) {
		const columns = 20
		for line := range strings.Lines(Wrap(text, Clean(label), "  ", columns)) {
			line = strings.TrimSuffix(line, "\n")
			for _, r := range line {
				if !unicode.IsPrint(r) {
					t.Fatalf("%q holds %q", line, r)
				}
			}
			body := strings.TrimPrefix(line, strings.TrimRight(Clean(label), " ")) // a line without words loses the label's blanks
			if Width(line) > columns && len(strings.Fields(body)) > 1 {
				t.Errorf("%q is %d columns wide", line, Width(line))
			}
		}
	})
}

// TestCompleted: prose is completed before it is wrapped, once; what is somebody's data is not.
func TestCompleted(t *testing.T) {
	var out strings.Builder
	w := Completed{Writer: &out, Complete: func(text string) string { return strings.ReplaceAll(text, "ask", "ask --again") }}
	p := New(w)
	p.Line("ask")
	p.Text("%s ask", strings.Repeat("x", 70))
	p.Item("a", 4, "ask")
	p.Lines("ask\n")
	p.Table(nil, [][]string{{"ask"}}, nil)
	fmt.Fprintln(w, "ask")
	fmt.Fprintln(Verbatim(w), "ask")
	want := "ask --again\n" + strings.Repeat("x", 70) + " ask\n--again\na   ask --again\nask\nask\nask --again\nask\n"
	if out.String() != want {
		t.Errorf("%q\nwant\n%q", out.String(), want)
	}
}

// terminal opens a pseudo-terminal of so many columns, and returns the end that programs print to.
func terminal(t *testing.T, columns uint16) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err := errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)); err != nil {
		t.Fatal(err)
	}
	end, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end.Close() })
	if err := unix.IoctlSetWinsize(int(end.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	return end
}

// TestBar holds that a bar fits a real terminal and shows the least that there is, and that a pipe
// gets none.
func TestBar(t *testing.T) {
	wide, narrow, pipe := New(terminal(t, 120)), New(terminal(t, 60)), New(new(bytes.Buffer))
	for _, test := range []struct {
		on      *Printer
		n, most int64
		want    int
	}{
		{wide, 100, 100, longestBar}, {wide, 50, 100, longestBar / 2}, {wide, 1, 1 << 40, 1}, {wide, 0, 100, 0}, {wide, -1, 100, 0},
		{wide, 0, 0, 0}, {wide, 200, 100, longestBar}, {wide, 1 << 62, 1 << 62, longestBar},
		{narrow, 100, 100, 14}, {narrow, 1, 100, 1}, {pipe, 100, 100, 0},
	} {
		if got := test.on.Bar(test.n, test.most, 46); got != strings.Repeat("#", test.want) {
			t.Errorf("%d of %d in %d columns: %q, want %d", test.n, test.most, test.on.columns, got, test.want)
		}
	}
}
