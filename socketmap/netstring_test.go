package socketmap

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestReadRequest holds what is read, what is passed over, and what ends a connection.
func TestReadRequest(t *testing.T) {
	long := strings.Repeat("k", 100_000)
	for _, c := range []struct {
		name, input string
		want        string
		tooLong     bool
		err         error // nil: the request is fine
	}{
		{"one", "11:transport *,", "transport *", false, nil},
		{"empty", "0:,", "", false, nil},
		{"octets, not characters", "4:jö x,", "", false, errMalformed},
		{"octets", "5:jö x,", "jö x", false, nil},
		{"anything inside", "5:,:\x00\n1,", ",:\x00\n1", false, nil},
		{"long", "100000:" + long + ",", "", true, nil},
		{"longest kept", "2048:" + long[:2048] + ",", long[:2048], false, nil},
		{"nothing", "", "", false, io.EOF},
		{"no digits", ":,", "", false, errMalformed},
		{"no length", "transport *,", "", false, errMalformed},
		{"minus", "-1:,", "", false, errMalformed},
		{"blank", " 1:x,", "", false, errMalformed},
		{"leading zero", "01:x,", "", false, errMalformed},
		{"too many digits", "1000000:", "", false, errMalformed},
		{"too much", "131073:", "", false, errors.New("request of 131073 bytes; at most 131072 are taken")},
		{"no comma", "1:x\n", "", false, errMalformed},
		{"cut in the length", "1", "", false, io.ErrUnexpectedEOF},
		{"cut in the text", "5:ab", "", false, io.ErrUnexpectedEOF},
		{"cut in what is passed over", "100000:ab", "", false, io.ErrUnexpectedEOF},
		{"cut before the comma", "2:ab", "", false, io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, in := range []io.Reader{strings.NewReader(c.input), iotest.OneByteReader(strings.NewReader(c.input))} {
				text, tooLong, err := readRequest(bufio.NewReader(in))
				if c.err == nil && (err != nil || string(text) != c.want || tooLong != c.tooLong) {
					t.Errorf("%q, %v, %v; want %q, %v", text, tooLong, err, c.want, c.tooLong)
				}
				if c.err != nil && (err == nil || err.Error() != c.err.Error()) {
					t.Errorf("error %v, want %v", err, c.err)
				}
			}
		})
	}
}

// FuzzReadRequest holds that whatever arrives, each request that is taken is one that
// appendNetstring writes, and that nothing behind it is lost.
func FuzzReadRequest(f *testing.F) {
	for _, seed := range []string{"11:transport *,", "0:,3:a b,", "01:x,", "1:x", "999999:", "\x00\x00\x00\rO", "2049:" + strings.Repeat("x", 2049) + ",0:,"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		in := bytes.NewReader(input)
		r := bufio.NewReader(in)
		var again []byte
		for {
			before := len(again)
			text, tooLong, err := readRequest(r)
			if err != nil {
				if err == io.EOF && before != len(input) {
					t.Fatalf("an end of input in the middle of %q", input[before:])
				}
				return
			}
			if rest := input[before:]; tooLong {
				length := bytes.IndexByte(rest, ':')
				n := 0
				for _, c := range rest[:length] {
					n = 10*n + int(c-'0')
				}
				text = rest[length+1 : length+1+n]
				if n <= maxKept {
					t.Fatalf("%d octets are too long", n)
				}
			}
			again = appendNetstring(again, string(text))
			if !bytes.HasPrefix(input, again) {
				t.Fatalf("%q was read as %q", input, again)
			}
		}
	})
}
