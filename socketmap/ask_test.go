package socketmap

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// TestAsk: what a server of ours answers is read; what others may say is an error.
func TestAsk(t *testing.T) {
	for said, want := range map[string]string{
		"9:NOTFOUND ,":               "NOTFOUND ",
		"11:OK smtp:[x],":            "OK smtp:[x]",
		"":                           "EOF",
		"9:NOTF":                     "unexpected EOF",
		"220 mail.example ESMTP\r\n": "the answer is not a netstring",
		"3000:" + strings.Repeat("x", 3000) + ",": "an answer longer than any of ours",
	} {
		ours, theirs := net.Pipe()
		go func() {
			request := make([]byte, len("11:transport *,"))
			if n, _ := io.ReadFull(theirs, request); string(request[:n]) != "11:transport *," {
				t.Errorf("asked with %q", request[:n])
			}
			io.WriteString(theirs, said)
			theirs.Close()
		}()
		answer, err := Ask(ours, "transport *")
		if err != nil {
			answer = err.Error()
		}
		if answer != want || said == "" && !errors.Is(err, io.EOF) {
			t.Errorf("%.20q is read as %q, want %q", said, answer, want)
		}
		ours.Close()
	}
}
