package milter

import (
	"errors"
	"net"
	"net/netip"
	"net/textproto"
	"strings"

	library "github.com/emersion/go-milter"

	"onbehalf/message"
)

// What we negotiate. Without the needed actions a plan cannot be carried out; the
// wanted one lets us name the macros that we need, so that main.cf need not.
const (
	neededActions = library.OptAddHeader | library.OptChangeHeader | library.OptChangeFrom |
		library.OptAddRcpt | library.OptRemoveRcpt
	wantedActions = library.OptSetSymList
)

// Connect, MAIL, header fields and body arrive without waiting for us, values with
// their leading space, because signatures cover it. RCPT waits, because it may be refused; so
// does the end of the header: a body that we do not need is then not sent. HELO, DATA and
// unknown commands say nothing to us.
const wantedProtocol = library.OptNoHelo | library.OptNoData | library.OptNoUnknown |
	library.OptNoConnReply | library.OptNoMailReply | library.OptNoHeaderReply | library.OptNoBodyReply |
	library.OptHeaderLeadingSpace

// macros asks for each where it is used. Of a stage that is not named, Postfix would send those
// of its main.cf: before the end of a message, and before each piece of its body.
var macros = map[library.Stage][]string{
	library.StageConnect:  {"j"},
	library.StageMailFrom: {"{auth_authen}"},
	library.StageRcptTo:   {"{rcpt_addr}"},
	library.StageEOH:      {"i"},
	library.StageEOM:      {},
}

// session is one connection of Postfix's. Its own fields last as long as the
// connection; what belongs to one message is in transaction, which is replaced as
// a whole. The guard and the library call its methods one at a time.
type session struct {
	library.NoOpMilter // what does not come by the library: HELO, fields, body

	server *Server
	guard  *guard

	host   message.Domain // the mail host
	client netip.Addr
	local  bool

	refused int // recipients, so far

	transaction *transaction // nil between messages
	unready     bool         // of the message since MAIL: there is nothing to decide by, so it is deferred
}

const (
	goOn   = library.RespContinue
	accept = library.RespAccept
)

// Connect notes who the client is. Local submissions (sendmail, Postfix's own
// bounces) come from port 0.
func (s *session) Connect(_, family string, port uint16, addr net.IP, _ *library.Modifier) (library.Response, error) {
	s.host, _ = message.ParseHost(s.guard.macro("j"))
	ip, _ := netip.AddrFromSlice(addr)
	s.client = ip.Unmap()
	s.local = port == 0 && strings.HasPrefix(family, "tcp") && s.client.IsLoopback()
	return s.goOnUnless(library.OptNoConnReply)
}

// MailFrom begins a message. The login is known here and nowhere later.
func (s *session) MailFrom(string, *library.Modifier) (library.Response, error) {
	s.end()
	source := s.server.Current()
	if s.unready = source == nil; s.unready {
		s.server.Counts.Deferred.Add(1)
		s.server.Counts.Tally.unready()
		return s.goOnUnless(library.OptNoMailReply)
	}
	s.transaction = begin(s, source, s.guard.macro("{auth_authen}"))
	s.noteQueueID()
	return s.goOnUnless(library.OptNoMailReply)
}

// withoutTransaction answers for a command of no message that is decided about.
func (s *session) withoutTransaction() (library.Response, error) {
	if s.unready {
		return s.say(refusal("451", "4.7.1", unready))
	}
	return s.say(goOn)
}

// noteQueueID keeps what Postfix calls the message by, at any stage at which it says so.
func (s *session) noteQueueID() {
	if id := s.guard.macro("i"); id != "" {
		s.transaction.message.QueueID = id
	}
}

// RcptTo notes a recipient, or refuses one that has the form of a bounce address and
// leads nowhere. Postfix reports only those that it accepts itself.
func (s *session) RcptTo(string, *library.Modifier) (library.Response, error) {
	switch {
	case s.transaction == nil && s.local: // Postfix would keep the message for ever, see transaction.addRecipient
		return s.say(goOn)
	case s.transaction == nil:
		return s.withoutTransaction()
	}
	s.noteQueueID()
	to, resolved := message.ParsePath(s.guard.address), message.ParsePath(s.guard.macro("{rcpt_addr}"))
	if err := s.transaction.addRecipient(to, resolved, s.refused >= maxRefused); err != nil {
		if !errors.Is(err, errMemory) && !errors.Is(err, errLetters) {
			s.refused++ // it may have been a guess
		}
		return s.say(refusedRecipient(err))
	}
	return s.say(goOn)
}

// field notes a field of the header. Postfix sends folds as LF and white space.
func (s *session) field(name, value string) {
	if s.transaction == nil {
		return
	}
	if !s.guard.agreed(library.OptHeaderLeadingSpace) {
		value = " " + value
	}
	s.transaction.addField(message.Field{Name: name, Value: strings.ReplaceAll(value, "\n", "\r\n")})
}

// body passes a piece of the body on to the signature. It is not kept.
func (s *session) body(chunk []byte) {
	if s.transaction != nil {
		s.transaction.write(chunk)
	}
}

// goOnUnless goes on, with a reply unless it was agreed that there is none.
func (s *session) goOnUnless(noReply library.OptProtocol) (library.Response, error) {
	if s.guard.agreed(noReply) {
		return nil, nil
	}
	return s.say(goOn)
}

// say replies to Postfix, with the edits before it, and leaves nothing to say to the library,
// which would also drop the session's facts after an accept or a refusal.
func (s *session) say(r library.Response) (library.Response, error) {
	if letter, simple := r.(library.SimpleResponse); simple {
		return nil, s.guard.say(&library.Message{Code: byte(letter)})
	}
	return nil, s.guard.say(r.Response())
}

// Headers decides: all facts are there. A message that is left as it is, or refused,
// ends here.
func (s *session) Headers(textproto.MIMEHeader, *library.Modifier) (library.Response, error) {
	if s.transaction == nil {
		return s.withoutTransaction()
	}
	s.noteQueueID()
	if answer := s.transaction.decide(); answer != nil {
		s.end()
		return s.say(answer)
	}
	return s.say(goOn)
}

// Body is the end of the message: the plan is carried out.
func (s *session) Body(*library.Modifier) (library.Response, error) {
	switch {
	case s.unready:
		return s.withoutTransaction()
	case s.transaction == nil:
		return s.say(deferral("message without an envelope"))
	}
	defer s.end()
	s.noteQueueID()
	return s.say(s.transaction.finish(editor{s.guard, s.guard.agreed(library.OptHeaderLeadingSpace)}))
}

// Abort ends the message, wherever it is, and keeps what is known of the
// connection. Postfix sends it after every message, too.
func (s *session) Abort(*library.Modifier) error {
	s.end()
	return nil
}

// end drops the message under way, with its signature.
func (s *session) end() {
	s.unready = false
	if s.transaction != nil {
		s.transaction.close()
		s.transaction = nil
	}
}
