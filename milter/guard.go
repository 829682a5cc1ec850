package milter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	library "github.com/emersion/go-milter"

	"onbehalf/message"
	"onbehalf/socket"
)

// guard is the connection that the library sees. It takes whole frames from the
// socket (four octets of length, a command letter, data) and hands on only those
// that are sound; holds back what the library writes until a reply is complete;
// keeps the words of MAIL and RCPT, which the library drops; and says whether a
// message is under way, so that it is not closed for another, and the end can wait for it.
//
// Most of what Postfix sends is macros, header fields and body. These go past the
// library, which would copy each of them several times, to the session.
//
// A peer that breaks a rule loses its connection and nothing else: Postfix then
// answers its client with milter_default_action.
type guard struct {
	*socket.Conn
	server  *Server
	session *session
	in      *frameReader

	frame []byte // the last frame read; its memory is used again
	rest  []byte // the part of it that the library has not read yet

	address    string // of the last MAIL or RCPT
	parameters []byte // of MAIL, while it is dealt with: those of ESMTP, each with its NUL
	macros     []byte // the last ones: the command that they are for, then names and values

	step library.Code // the last command of the message under way; 0: between messages

	out        bytes.Buffer
	scan       int         // octets of out that are known to be whole frames
	afterReply func(error) // called once, with how writing the next reply went

	actions  library.OptAction // what we ask for of what the peer offers
	protocol library.OptProtocol
}

func newGuard(conn *socket.Conn, s *Server) *guard {
	g := &guard{Conn: conn, server: s, frame: make([]byte, 0, maxKept)}
	g.in = newFrameReader(conn, &s.Limits, &s.budget, func() int64 { return memoryOf(s.Current()) })
	g.session = &session{server: s, guard: g}
	return g
}

// Read returns the next octets of a checked frame, to the library. Every end is io.EOF
// to it; the reason is logged here.
func (g *guard) Read(p []byte) (int, error) {
	for len(g.rest) == 0 {
		if err := g.next(); err != nil {
			g.explain(err)
			return 0, io.EOF
		}
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

func (g *guard) explain(err error) {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
	case errors.Is(err, os.ErrDeadlineExceeded):
		g.server.Log.Warn("milter peer sent nothing for too long, connection closed", "peer", g.peer())
	default:
		g.server.Log.Error("milter connection closed", "peer", g.peer(), "error", err)
	}
}

func (g *guard) peer() string {
	if addr := g.RemoteAddr().String(); addr != "" && addr != "@" {
		return addr
	}
	return g.LocalAddr().String() // a unix socket's clients have no name
}

// next reads one frame and puts it into rest, unless it is dealt with here.
func (g *guard) next() error {
	if len(g.frame) > 0 && g.command() != library.CodeMacro {
		g.macros = g.macros[:0] // they were for that command alone
	}
	var err error
	if g.frame, err = g.in.read(g.frame); err != nil {
		return err
	}
	command, data := g.command(), g.frame[5:]
	if err := g.check(command, data); err != nil {
		return err
	}
	switch command {
	case 'U': // SMFIC_UNKNOWN: the library would close the session over a client's typing error
		return g.goOn()
	case library.CodeMacro:
		g.keepMacros(data)
		return nil
	case library.CodeHeader:
		name, value, _ := strings.Cut(string(data[:len(data)-1]), "\x00")
		g.session.field(name, value)
		return g.goOnUnless(library.OptNoHeaderReply)
	case library.CodeBody:
		g.session.body(data)
		return g.goOnUnless(library.OptNoBodyReply)
	case library.CodeMail:
		g.keepWords(data)
		if !g.Enter(socket.Begun) {
			return net.ErrClosed
		}
	case library.CodeRcpt:
		g.keepWords(data)
	case library.CodeEOH:
		if !g.Enter(socket.Due) {
			return net.ErrClosed
		}
	case library.CodeAbort:
		g.frame = g.in.release(g.frame)
		defer g.Enter(socket.Idle)
	}
	g.rest = g.frame
	return nil
}

func (g *guard) command() library.Code { return library.Code(g.frame[4]) }

// goOnUnless answers a frame in place of the library, unless it was agreed that it has no reply.
func (g *guard) goOnUnless(noReply library.OptProtocol) error {
	if g.agreed(noReply) {
		return nil
	}
	return g.goOn()
}

func (g *guard) agreed(step library.OptProtocol) bool { return g.protocol&step != 0 }

// goOn answers a frame in place of the library.
func (g *guard) goOn() error {
	return g.say(&library.Message{Code: byte(library.ActContinue)})
}

// maxKept is how much memory for frames or macros a connection keeps to use again.
const maxKept = 8 << 10

// maxMacros bounds the macros of one command, in octets. Those that we ask for are a few names.
const maxMacros = 16 << 10

func (g *guard) keepMacros(data []byte) {
	if cap(g.macros) > maxKept {
		g.macros = nil
	}
	g.macros = append(g.macros[:0], data...)
}

// macro returns what the peer has sent right before the command under way, for it: the login of
// one message is none of another's. Empty: nothing.
func (g *guard) macro(name string) string {
	if len(g.macros) == 0 || library.Code(g.macros[0]) != g.command() {
		return ""
	}
	for words := g.macros[1:]; len(words) > 0; {
		var key, value []byte
		key, words, _ = bytes.Cut(words, []byte{0})
		value, words, _ = bytes.Cut(words, []byte{0})
		if string(key) == name {
			return string(value)
		}
	}
	return ""
}

// check refuses what the library would misread or ignore.
func (g *guard) check(command library.Code, data []byte) error {
	if err := g.inOrder(command); err != nil {
		return err
	}
	switch command {
	case library.CodeOptNeg:
		return g.takeOffer(data)
	case library.CodeMacro:
		if len(data) == 0 || len(data) > maxMacros {
			return fmt.Errorf("malformed D frame of %d bytes", len(data))
		}
	case library.CodeConn:
		if !isClient(data) { // the library would answer some that are to have no reply
			return errors.New("malformed C frame")
		}
	case library.CodeEOB:
		if len(data) > 0 { // a last piece of the body in some dialects, and the library drops it
			return errors.New("malformed E frame")
		}
	case library.CodeHeader:
		if !isField(data) {
			return errors.New("malformed header frame")
		}
	case library.CodeMail, library.CodeRcpt:
		if len(data) == 0 || data[len(data)-1] != 0 {
			return fmt.Errorf("malformed %c frame", command)
		}
	}
	return nil
}

// isClient reports whether data is a name with its NUL, a family and, of an inet client, a port and
// an address.
func isClient(data []byte) bool {
	_, client, named := bytes.Cut(data, []byte{0})
	if !named || len(client) == 0 {
		return false
	}
	return client[0] != '4' && client[0] != '6' || len(client) >= 3
}

// isField reports whether data is a name and a value, each with its NUL.
func isField(data []byte) bool {
	name := bytes.IndexByte(data, 0)
	if name < 0 || !message.ValidFieldName(string(data[:name])) {
		return false
	}
	value := data[name+1:]
	return len(value) > 0 && bytes.IndexByte(value, 0) == len(value)-1
}

// before names the commands that may come right before each command of a message.
// A message that comes in another order would be decided or signed by a part of it.
var before = map[library.Code]string{
	library.CodeRcpt:   "MR",
	library.CodeHeader: "MRL",
	library.CodeEOH:    "MRL",
	library.CodeBody:   "NB",
	library.CodeEOB:    "NB",
}

func (g *guard) inOrder(command library.Code) error {
	allowed, ordered := before[command]
	switch {
	case command == library.CodeOptNeg && g.actions != 0:
		return errors.New("second negotiation")
	case command != library.CodeOptNeg && g.actions == 0:
		return errors.New("the first frame is not a negotiation; is this peer a mail server?")
	case ordered && strings.IndexByte(allowed, byte(g.step)) < 0:
		return fmt.Errorf("command %c out of order", command)
	case ordered, command == library.CodeMail:
		g.step = command
	case command == library.CodeAbort:
		g.step = 0
	}
	return nil
}

// negotiate reads the peer's offer, before the library answers it.
func (g *guard) negotiate() error { return g.next() }

// takeOffer notes what the peer can do. Without the needed actions nothing can be
// carried out; each protocol step only saves time or keeps more detail.
func (g *guard) takeOffer(data []byte) error {
	if len(data) < 12 {
		return errors.New("malformed negotiation frame")
	}
	g.actions = (neededActions | wantedActions) & library.OptAction(binary.BigEndian.Uint32(data[4:]))
	g.protocol = wantedProtocol & library.OptProtocol(binary.BigEndian.Uint32(data[8:]))
	if missing := neededActions &^ g.actions; missing != 0 {
		return fmt.Errorf("peer does not offer the milter actions %#x; Postfix does with milter_protocol = 6", uint32(missing))
	}
	g.in.negotiated()
	return nil
}

// keepWords takes the words of MAIL and RCPT apart, each with its NUL. Parameters stay where
// they are, because there may be a hundred thousand of them.
func (g *guard) keepWords(data []byte) {
	address, parameters, _ := bytes.Cut(data, []byte{0})
	g.address, g.parameters = string(address), parameters
}

// path returns what MAIL said: the address, and whether with SMTPUTF8 (RFC 6531).
func (g *guard) path() (address string, smtputf8 bool) {
	for word := range bytes.SplitSeq(g.parameters, []byte{0}) {
		smtputf8 = smtputf8 || strings.EqualFold(string(word), "SMTPUTF8")
	}
	g.parameters = nil
	return g.address, smtputf8
}

// Write keeps edits back until the reply that they belong to: the peer gets all or
// none, and in one segment (small writes would wait for each other's
// acknowledgement over TCP).
func (g *guard) Write(p []byte) (int, error) {
	g.out.Write(p)
	if err := g.pass(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// say writes a reply without the library, which would take 4 kB of memory for it.
func (g *guard) say(m *library.Message) error {
	g.out.Write(append(binary.BigEndian.AppendUint32(g.out.AvailableBuffer(), uint32(1+len(m.Data))), m.Code))
	g.out.Write(m.Data)
	return g.pass()
}

// pass sends what is complete up to a reply.
func (g *guard) pass() error {
	for whole := g.out.Bytes()[g.scan:]; len(whole) >= 5; whole = g.out.Bytes()[g.scan:] {
		length := 4 + int(binary.BigEndian.Uint32(whole))
		if len(whole) < length {
			break
		}
		g.scan += length
		if !isEdit(whole[4]) {
			if err := g.flush(library.ActionCode(whole[4])); err != nil {
				return err
			}
		}
	}
	return nil
}

// isEdit reports whether a code is of a modification, after which more follows, and not of a reply.
func isEdit(code byte) bool { return strings.IndexByte("+-2bhimqep", code) >= 0 }

// flush sends a reply with the edits before it. It may be the last word on the
// message.
func (g *guard) flush(reply library.ActionCode) error {
	g.SetWriteDeadline(time.Now().Add(g.server.Limits.Stall))
	_, err := g.Conn.Write(g.out.Bytes()[:g.scan])
	if g.out.Next(g.scan); g.out.Len() == 0 && g.out.Cap() > maxKept {
		g.out = bytes.Buffer{}
	}
	g.scan = 0
	if after := g.afterReply; after != nil {
		g.afterReply = nil
		after(err)
	}
	if err == nil && endsMessage(g.command(), reply) {
		g.step, g.frame, g.address = 0, g.in.release(g.frame), ""
		g.Enter(socket.Idle)
	}
	return err
}

// endsMessage reports whether a reply to a command is the last word on the message: any
// to its end, and any to the end of its header but to go on.
func endsMessage(command library.Code, reply library.ActionCode) bool {
	return command == library.CodeEOB || command == library.CodeEOH && reply != library.ActContinue
}

// Close is called when the session has ended, and by its own goroutine alone: what belongs
// to the session is then freed without a race.
func (g *guard) Close() error {
	defer g.Conn.Close()
	g.session.end()
	g.in.release(nil)
	return nil
}
