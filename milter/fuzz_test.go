package milter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onbehalf/milter/mta"
)

// FuzzSession holds what is true of every session, whatever a peer sends: nothing panics, hangs or
// is left behind; replies come in the order of their commands, at most one for each and never one
// that the command has not; edits come before the accept at the end of a message and nowhere else,
// and no message is accepted there without any. A session is text, see wire.
func FuzzSession(f *testing.F) {
	for _, seed := range sessions {
		f.Add([]byte(seed))
	}
	faults := new(faultLog)
	log.SetOutput(faults) // the library's, which catches panics
	h := open(f, func(h *harness) { h.Log = slog.New(slog.NewTextHandler(faults, nil)) })
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4<<10 { // each message may cost a signature
			return
		}
		before := runtime.NumGoroutine()
		octets, abrupt := wire(text)
		got, err := exchange(h, octets, abrupt)
		if err != nil {
			t.Fatal(err)
		}
		if fault := inReplies(octets, got, abrupt); fault != "" {
			t.Fatalf("%s\nsent %q\ngot %q", fault, octets, got)
		}
		wait(t, "the end of the connection", func() bool { return h.connections() == 0 })
		wait(t, "memory given back", func() bool { return h.budget.held.Load() == 0 })
		wantGoroutines(t, before)
		if fault := faults.last.Load(); fault != nil {
			t.Fatal(*fault)
		}
	})
}

// sessions are where fuzzing starts from.
var sessions = []string{
	"O\nCmx|4..192.0.2.10|\nM<courses@university.example>|\nR<b@c.example>|\nE\nU\nN\nE",
	"O\nCmx|4..192.0.2.10|\nM<courses@university.example>|\nR<b@c.example>|\nLFrom| courses@university.example|\nN\nLTo| x|\nR<b@c.example>|\nE\nM<>|\nB.\nE\nO",
	"Cmx|4..192.0.2.10|\nO\nU",
	"O\nCmx|4..192.0.2.10|\nM<courses@university.example>|\nR<student@receiver.example>|\nLFrom| courses@university.example|\nN\nBIt starts\nE\nQ",
	"O\nDCj|mail.courseware.nl|\nCmx|4..192.0.2.10|\nDM{auth_authen}|lms-yourorg|\nM<academy@yourorganisationname.nl>|SIZE=3|SMTPUTF8|\nDR{rcpt_addr}|student@receiver.example|\nR<student@receiver.example>|\nDNi|4X1|\nLFrom| \"A, B\"~ <academy@yourorganisationname.nl>|\nN\nE\nA",
	"O\nCmx|4..203.0.113.5|\nM<>|\nR<SRS0=cx6zzieh=D5=yourorganisationname.nl=academy@bounces.courseware.nl>|\nLFrom| MAILER-DAEMON@x.example|\nLContent-Type| multipart/report; boundary=b|\nN\nB--b\nE\nA\nM<>|\nR<x@bounces.courseware.nl>|\nA",
	"O\nCmx|4..192.0.2.10|\nM<a@university.example>|\nA\nM<a@university.example>|\nR<b@c.example>|\nA\nM<a@university.example>|\nR<b@c.example>|\nLFrom| a@university.example|\nA\nM<a@university.example>|\nR<b@c.example>|\nLFrom| a@university.example|\nN\nA\nU\nQ",
	"O1\nCmx|6..2001:db8::1|\nHhelo|\nM<team@club.example>|\nR<b@c.example>|\nT\nLFrom| team@club.example|\nN\nB.\nE",
	"O\nCmx|4..127.0.0.1|\nMa@university.example|\nRb@c.example|\nLFrom| a@university.example|\nN\nBx\rE\nE\n^",
	"O\nCmx|L|\nCmx|U|\nM|\nR|\nN\nE",
	"O\nCmx|4..192.0.2.10|\n>\x05M<a@b.example>|\n>\xfbR<a@b.example>|\nN",
	"O\n!\xff\xff\xff\xffB",
	"O\n!\x00\x00\x00\x00",
	"!GET / HTTP/1.1\r",
	"O\nCmx|4..192.0.2.10|\nM<courses@university.example>|\nN\nE\nM<courses@university.example>|\nE",
}

// wire makes octets of a session: each line is a frame, a letter and its data, in which "|" is NUL
// and "~" LF. "O" alone is Postfix's offer and "O1" an older server's; "!" begins octets that are
// no frame; ">" and a letter a frame whose length is wrong by that letter's code. "^" ends the
// connection without waiting for replies.
func wire(text []byte) (octets []byte, abrupt bool) {
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		data := bytes.ReplaceAll(bytes.ReplaceAll(line, []byte("|"), []byte{0}), []byte("~"), []byte("\n"))
		switch {
		case string(line) == "O":
			octets = append(octets, frames(offer(mta.Postfix))...)
		case string(line) == "O1":
			octets = append(octets, frames(offer(mta.Offer{Version: 2, Actions: 0x7f, Protocol: 0x7f}))...)
		case line[0] == '!':
			octets = append(octets, data[1:]...)
		case line[0] == '>' && len(line) > 2:
			octets = binary.BigEndian.AppendUint32(octets, uint32(len(data)-2+int(int8(line[1]))))
			octets = append(octets, data[2:]...)
		case line[0] == '^':
			return octets, true
		default:
			octets = append(octets, frame(data[0], string(data[1:]))...)
		}
	}
	return octets, false
}

// exchange sends octets to a server, over a socket of its own, and returns what comes back until it
// closes. The error is that it does not.
func exchange(h *harness, octets []byte, abrupt bool) ([]byte, error) {
	conn, err := net.Dial(h.network, h.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	sent := make(chan bool)
	go func() {
		defer close(sent)
		conn.Write(octets)
		if abrupt {
			conn.Close()
		} else {
			conn.(*net.UnixConn).CloseWrite()
		}
	}()
	got, err := io.ReadAll(conn)
	<-sent
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return got, errors.New("the server does not close")
	}
	return got, nil
}

// inReplies returns what is wrong with the answers to what was sent; empty: nothing.
func inReplies(sent, got []byte, abrupt bool) string {
	expected := expectations(sent, agreed(got))
	edits, over := 0, false // over: the message was answered at the end of its header
	for len(got) > 0 {
		code, rest := cut(got)
		if code == 0 {
			if abrupt {
				return ""
			}
			return "the last reply is not whole"
		}
		got = rest
		if isEdit(code) {
			edits++
			continue
		}
		switch {
		case len(expected) == 0:
			return fmt.Sprintf("reply %c to nothing", code)
		case !strings.ContainsRune(expected[0].replies, rune(code)):
			return fmt.Sprintf("reply %c to %c", code, expected[0].command)
		case edits > 0 && (expected[0].command != 'E' || code != 'a'):
			return fmt.Sprintf("%d edits before reply %c to %c", edits, code, expected[0].command)
		case edits == 0 && expected[0].command == 'E' && code == 'a':
			return "a message is accepted at its end, and nothing is done to it"
		case over && expected[0].command == 'E':
			return "a message is answered twice"
		}
		if expected[0].command == 'N' {
			over = code != 'c'
		}
		edits, expected = 0, expected[1:]
	}
	if edits > 0 && !abrupt {
		return "edits without a reply behind them"
	}
	return ""
}

// expectation is a command that has a reply.
type expectation struct {
	command byte
	replies string // one of these letters
}

// replies are the commands that have a reply, and the letters that it may have.
var replies = map[byte]string{
	'O': "O", 'R': "cy", 'N': "cay", 'E': "ay", 'U': "c", 'H': "c", 'T': "c", 'C': "c", 'M': "c", 'L': "c", 'B': "c",
}

// orders are the commands of a message, and those that may come right before each; NUL is none.
var orders = map[byte]string{'M': "\x00MRLNB", 'R': "MR", 'L': "MRL", 'N': "MRL", 'B': "NB", 'E': "NB"}

// noReply are the bits of the protocol by which commands have none.
var noReply = map[byte]uint32{'L': 0x80, 'C': 0x1000, 'M': 0x4000, 'B': 0x80000}

// expectations are those of the frames in what was sent, of which these bits were agreed, up to the
// first that is out of order. A server that closes the connection owes none any more.
func expectations(octets []byte, protocol uint32) (all []expectation) {
	step := byte(0) // the last command of the message under way
	for first := true; ; first = false {
		code, rest := cut(octets)
		if code == 0 || code == 'Q' || first != (code == 'O') {
			return all
		}
		switch order, ordered := orders[code]; {
		case ordered && !strings.ContainsRune(order, rune(step)):
			return all
		case code == 'A', code == 'E':
			step = 0
		case ordered:
			step = code
		}
		if letters := replies[code]; letters != "" && protocol&noReply[code] == 0 {
			all = append(all, expectation{code, letters})
		}
		octets = rest
	}
}

// agreed returns the bits of the protocol in the answer to the negotiation.
func agreed(got []byte) uint32 {
	if code, _ := cut(got); code != 'O' || len(got) < 17 {
		return 0
	}
	return binary.BigEndian.Uint32(got[13:])
}

// cut returns the letter of the first frame and what is behind it; 0: there is no whole frame.
func cut(octets []byte) (code byte, rest []byte) {
	if len(octets) < 5 {
		return 0, nil
	}
	length := uint64(binary.BigEndian.Uint32(octets))
	if length == 0 || length > uint64(len(octets)-4) {
		return 0, nil
	}
	return octets[4], octets[4+length:]
}

// faultLog looks for panics in a log, and keeps the last.
type faultLog struct{ last atomic.Pointer[string] }

func (f *faultLog) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("panic")) {
		text := string(p)
		f.last.Store(&text)
	}
	return len(p), nil
}
