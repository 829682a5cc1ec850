package milter

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	library "github.com/emersion/go-milter"

	"onbehalf/message"
)

// guard is the connection that the library sees. It takes whole frames from the
// socket (four octets of length, a command letter, data) and hands on only those
// that are sound; holds back what the library writes until a reply is complete;
// keeps the words of MAIL and RCPT, which the library drops; and knows whether a
// message is under way, so that a shutdown can wait for it.
//
// A peer that breaks a rule loses its connection and nothing else: Postfix then
// answers its client with milter_default_action.
type guard struct {
	net.Conn
	server *Server
	in     *bufio.Reader

	frame []byte   // the last frame read, its buffer used again
	rest  []byte   // the part of it that the library has not read yet
	words []string // of the last MAIL or RCPT: the address, then ESMTP parameters

	step      library.Code // the last command of the message under way; 0: between messages
	over      bool         // a message was answered for good, and the library does not know that it is over
	announced library.Code // the command that the last macros were sent for
	header    int          // octets of the message's header fields so far

	out        bytes.Buffer
	scan       int         // octets of out that are known to be whole frames
	afterReply func(error) // is told, once, how writing the next reply went

	actions  library.OptAction // what we ask for of what the peer offers
	protocol library.OptProtocol

	onClose func()

	mu       sync.Mutex
	busy     bool // a message is under way: from MAIL to the reply at its end
	draining bool
}

func newGuard(conn net.Conn, s *Server) *guard {
	return &guard{Conn: conn, server: s, in: bufio.NewReader(conn)}
}

// Read gives the library the next octets of a checked frame. Every end is io.EOF
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
		g.server.Log.Warn("milter peer fell silent, connection closed", "peer", g.peer())
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

// next reads one frame and puts it into rest, unless it is answered here.
func (g *guard) next() error {
	if g.over { // else the library would keep the message's fields and macros until the peer aborts
		g.over = false
		g.rest = []byte{0, 0, 0, 1, byte(library.CodeAbort)}
		return nil
	}
	if err := g.readFrame(); err != nil {
		return err
	}
	command, data := library.Code(g.frame[4]), g.frame[5:]
	if err := g.check(command, data); err != nil {
		return err
	}
	switch command {
	case 'U': // SMFIC_UNKNOWN: the library would close the session over a client's typing error
		return g.goOn()
	case library.CodeMacro:
		g.announced = library.Code(data[0])
	case library.CodeHeader:
		if g.header > g.server.Limits.Header {
			return g.passOver()
		}
		g.header += len(data)
	case library.CodeMail:
		g.header = 0
		g.words = splitWords(data)
		if !g.begin() {
			return net.ErrClosed
		}
	case library.CodeRcpt:
		g.words = splitWords(data)
	case library.CodeAbort:
		defer g.finish()
	}
	g.rest = g.frame
	return nil
}

// passOver drops a field of a header that is too long already, which the
// transaction knows from the one that passed the bound: the library keeps all that
// it sees.
func (g *guard) passOver() error {
	if g.protocol&library.OptNoHeaderReply != 0 {
		return nil
	}
	return g.goOn()
}

// goOn answers a frame in place of the library.
func (g *guard) goOn() error {
	_, err := g.Write([]byte{0, 0, 0, 1, byte(library.ActContinue)})
	return err
}

// patience is how long the next frame may take to begin. A peer that has not negotiated
// is no mail server, or will be one at once.
func (g *guard) patience() time.Duration {
	if g.actions == 0 {
		return min(g.server.Limits.Stall, g.server.Limits.Idle)
	}
	return g.server.Limits.Idle
}

// readFrame reads a frame into g.frame. The buffer grows with what has arrived,
// not with what was announced.
func (g *guard) readFrame() error {
	g.SetReadDeadline(time.Now().Add(g.patience()))
	var head [4]byte
	if _, err := io.ReadFull(g.in, head[:1]); err != nil {
		return err
	}
	g.SetReadDeadline(time.Now().Add(g.server.Limits.Stall))
	if _, err := io.ReadFull(g.in, head[1:]); err != nil {
		return errHalf(err)
	}
	length := binary.BigEndian.Uint32(head[:])
	if length == 0 || uint64(length) > uint64(g.server.Limits.Frame) {
		return fmt.Errorf("frame of %d octets; at least 1 and at most %d are taken", length, g.server.Limits.Frame)
	}
	g.frame = append(g.frame[:0], head[:]...)
	for missing := int(length); missing > 0; {
		start := len(g.frame)
		step := min(missing, max(start, 4096))
		g.frame = slices.Grow(g.frame, step)
		n, err := g.in.Read(g.frame[start : start+step])
		g.frame = g.frame[:start+n]
		missing -= n
		if err != nil && missing > 0 {
			return errHalf(err)
		}
	}
	return nil
}

func errHalf(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// check refuses what the library would misread or pass over in silence.
func (g *guard) check(command library.Code, data []byte) error {
	if err := g.inOrder(command); err != nil {
		return err
	}
	switch command {
	case library.CodeOptNeg:
		return g.takeOffer(data)
	case library.CodeMacro:
		if len(data) == 0 {
			return errors.New("malformed D frame")
		}
	case library.CodeEOB:
		if len(data) > 0 { // a last piece of the body in some dialects, and the library drops it
			return errors.New("malformed E frame")
		}
	case library.CodeHeader:
		name, value, _ := bytes.Cut(data, []byte{0})
		if !message.ValidFieldName(string(name)) || len(value) == 0 || bytes.IndexByte(value, 0) != len(value)-1 {
			return errors.New("malformed header frame")
		}
	case library.CodeMail, library.CodeRcpt:
		if len(data) == 0 || data[len(data)-1] != 0 {
			return fmt.Errorf("malformed %c frame", command)
		}
	}
	return nil
}

// before names the commands that may come right before each command of a message.
// A message told in another order would be decided or signed by a part of it.
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
func (g *guard) negotiate() error {
	if err := g.next(); err != nil {
		return err
	}
	if library.Code(g.frame[4]) != library.CodeOptNeg {
		return errors.New("the first frame is not a negotiation; is this peer a mail server?")
	}
	return nil
}

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
	return nil
}

// splitWords takes the NUL-ended words of MAIL and RCPT apart.
func splitWords(data []byte) []string {
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}

// Write keeps edits back until the reply that they belong to: the peer gets all or
// none, and in one segment (small writes would wait for each other's
// acknowledgement over TCP).
func (g *guard) Write(p []byte) (int, error) {
	g.out.Write(p)
	for whole := g.out.Bytes()[g.scan:]; len(whole) >= 5; whole = g.out.Bytes()[g.scan:] {
		length := 4 + int(binary.BigEndian.Uint32(whole))
		if len(whole) < length {
			break
		}
		g.scan += length
		if !isEdit(whole[4]) {
			if err := g.flush(library.ActionCode(whole[4])); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

// isEdit tells modifications, after which more follows, from replies.
func isEdit(code byte) bool { return strings.IndexByte("+-2bhimqep", code) >= 0 }

// flush sends a reply with the edits before it. It may be the last word on the
// message.
func (g *guard) flush(reply library.ActionCode) error {
	g.SetWriteDeadline(time.Now().Add(g.server.Limits.Stall))
	_, err := g.Conn.Write(g.out.Bytes()[:g.scan])
	g.out.Next(g.scan)
	g.scan = 0
	if after := g.afterReply; after != nil {
		g.afterReply = nil
		after(err)
	}
	if err == nil && endsMessage(library.Code(g.frame[4]), reply) {
		g.step, g.over = 0, true
		g.finish()
	}
	return err
}

// endsMessage tells whether a reply to a command is the last word on the message: any
// to its end, and any to the end of its header but to go on.
func endsMessage(command library.Code, reply library.ActionCode) bool {
	return command == library.CodeEOB || command == library.CodeEOH && reply != library.ActContinue
}

// Close is called by the library when its session has ended, and by nobody else:
// what belongs to the session is then given up without a race. Others close Conn.
func (g *guard) Close() error {
	defer g.onClose()
	return g.Conn.Close()
}

// begin notes that a message is under way, unless no more are wanted.
func (g *guard) begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy = !g.draining
	return g.busy
}

// finish notes the end of a message.
func (g *guard) finish() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy = false
	if g.draining {
		g.Conn.Close()
	}
}

// drain closes the connection now or at the end of the message under way.
func (g *guard) drain() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.draining = true
	if !g.busy {
		g.Conn.Close()
	}
}

// cut closes the connection, and tells whether a message was under way.
func (g *guard) cut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.Conn.Close()
	return g.busy
}
