package smtp

import (
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"
)

// answer is a session with a server that says this, whatever it is asked.
func answer(t *testing.T, says string) *Session {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	go func() {
		go io.Copy(io.Discard, theirs)
		io.WriteString(theirs, says)
		if says != "" {
			theirs.Close()
		}
	}()
	return New(context.Background(), ours, 200*time.Millisecond)
}

func TestReplies(t *testing.T) {
	tests := []struct {
		says string
		want Reply
		log  string
	}{
		{"250 2.0.0 Ok\r\n", Reply{250, []string{"2.0.0 Ok"}}, "250 2.0.0 Ok"},
		{"250-a\r\n250-b\r\n250 c\r\n", Reply{250, []string{"a", "b", "c"}}, "250-a 250-b 250 c"},
		{"250-a\n250 b\n", Reply{250, []string{"a", "b"}}, "250-a 250 b"}, // as Postfix takes it
		{"250\r\n", Reply{250, []string{""}}, "250 "},
		{"250-a\r\n451 b\r\n", Reply{451, []string{"a", "b"}}, "451-a 451 b"},
	}
	for _, test := range tests {
		got, err := answer(t, test.says).Greeting()
		if err != nil || !reflect.DeepEqual(got, test.want) || got.Log() != test.log {
			t.Errorf("%q: %+v, %q, %v", test.says, got, got.Log(), err)
		}
	}
}

func TestBadReplies(t *testing.T) {
	tests := []struct {
		says string
		want error
	}{
		{"SSH-2.0-OpenSSH_9.2\r\n", ErrGarbage},
		{"HTTP/1.1 400 Bad Request\r\n", ErrGarbage},
		{"2500 x\r\n", ErrGarbage},
		{"950 x\r\n", ErrGarbage},
		{"\r\n", ErrGarbage},
		{"250-a\r\n", io.ErrUnexpectedEOF},
		{"250 a", io.ErrUnexpectedEOF},
		{strings.Repeat("250-a\r\n", mostLines+1), ErrTooMuch},
		{"250 " + strings.Repeat("a", mostBytes), ErrTooMuch},
	}
	for _, test := range tests {
		if _, err := answer(t, test.says).Greeting(); !errors.Is(err, test.want) {
			t.Errorf("%.40q: %v, want %v", test.says, err, test.want)
		}
	}
}

func TestPatience(t *testing.T) {
	begin := time.Now()
	_, err := answer(t, "").Greeting()
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(begin) < 200*time.Millisecond {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

func TestOneCommandIsOneLine(t *testing.T) {
	if _, err := answer(t, "250 a\r\n").Do("MAIL FROM:<a@b.example>\r\nDATA"); err == nil || !strings.Contains(err.Error(), "more than a line") {
		t.Error(err)
	}
}

func TestPlainTextBehindSTARTTLSIsRefused(t *testing.T) {
	s := answer(t, "220 go on\r\n250 injected\r\n")
	if reply, err := s.Do("STARTTLS"); err != nil || reply.Code != 220 {
		t.Fatal(reply, err)
	}
	if _, err := s.StartTLS(nil); !errors.Is(err, ErrEarly) {
		t.Error(err)
	}
}
