package milter

import (
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

// Header fields and body arrive without waiting for us, values with their leading
// space, because signatures cover it. The end of the header waits: a body that we do
// not need is then not sent. HELO, DATA and unknown commands say nothing to us.
const wantedProtocol = library.OptNoHelo | library.OptNoData | library.OptNoUnknown |
	library.OptNoHeaderReply | library.OptNoBodyReply | library.OptHeaderLeadingSpace

var macros = map[library.Stage][]string{
	library.StageConnect:  {"j"},
	library.StageMailFrom: {"i", "{auth_authen}"},
	library.StageRcptTo:   {"i", "{rcpt_addr}"},
	library.StageEOH:      {"i"},
	library.StageEOM:      {"i"},
}

// session is one connection of Postfix's. Its own fields last as long as the
// connection; what belongs to one message is in transaction, which is replaced as
// a whole. The library calls its methods one at a time.
type session struct {
	server *Server
	guard  *guard

	host   message.Domain // the mail host
	client netip.Addr
	local  bool

	refused int // recipients, so far

	transaction *transaction // nil between messages
}

// reply is a response after which the session goes on: the library itself would
// drop the session's facts after an accept or a refusal.
type reply struct{ response library.Response }

func (r reply) Response() *library.Message { return r.response.Response() }
func (reply) Continue() bool               { return true }

var (
	goOn   = reply{library.RespContinue}
	accept = reply{library.RespAccept}
)

// Connect notes who the client is. Local submissions (sendmail, Postfix's own
// bounces) come from port 0.
func (s *session) Connect(_, family string, port uint16, addr net.IP, m *library.Modifier) (library.Response, error) {
	s.host, _ = message.ParseHost(m.Macros["j"])
	ip, _ := netip.AddrFromSlice(addr)
	s.client = ip.Unmap()
	s.local = port == 0 && strings.HasPrefix(family, "tcp") && s.client.IsLoopback()
	return goOn, nil
}

// Helo is not negotiated.
func (s *session) Helo(string, *library.Modifier) (library.Response, error) { return goOn, nil }

// MailFrom begins a message. The login is known here and nowhere later.
func (s *session) MailFrom(_ string, m *library.Modifier) (library.Response, error) {
	s.end()
	if s.guard.announced != library.CodeMail {
		m.Macros = nil // an earlier command's: another message's login
	}
	s.guard.announced = 0
	s.transaction = begin(s, m.Macros["{auth_authen}"])
	s.transaction.noteQueueID(m)
	return goOn, nil
}

// RcptTo notes a recipient, or refuses one that has the form of a bounce address and
// leads nowhere. Postfix reports only those that it accepts itself.
func (s *session) RcptTo(_ string, m *library.Modifier) (library.Response, error) {
	if s.transaction == nil {
		return goOn, nil
	}
	s.transaction.noteQueueID(m)
	to, resolved := message.ParsePath(s.guard.words[0]), message.ParsePath(m.Macros["{rcpt_addr}"])
	if err := s.transaction.addRecipient(to, resolved, s.refused >= maxRefused); err != nil {
		s.refused++
		return refusedRecipient(err), nil
	}
	return goOn, nil
}

// Header notes a field. Postfix sends folds as LF and white space.
func (s *session) Header(name, value string, _ *library.Modifier) (library.Response, error) {
	if !s.agreed(library.OptHeaderLeadingSpace) {
		value = " " + value
	}
	if s.transaction != nil {
		s.transaction.addField(message.Field{Name: name, Value: strings.ReplaceAll(value, "\n", "\r\n")})
	}
	return s.unless(library.OptNoHeaderReply), nil
}

func (s *session) agreed(step library.OptProtocol) bool { return s.guard.protocol&step != 0 }

// unless goes on, in silence where that was agreed.
func (s *session) unless(silence library.OptProtocol) library.Response {
	if s.agreed(silence) {
		return nil
	}
	return goOn
}

// Headers decides: all facts are there. A message that is left as it is, or refused,
// ends here.
func (s *session) Headers(_ textproto.MIMEHeader, m *library.Modifier) (library.Response, error) {
	if s.transaction == nil {
		return goOn, nil
	}
	s.transaction.noteQueueID(m)
	if answer := s.transaction.decide(); answer != nil {
		s.end()
		return answer, nil
	}
	return goOn, nil
}

// BodyChunk passes the body on to the signature. It is not kept.
func (s *session) BodyChunk(chunk []byte, _ *library.Modifier) (library.Response, error) {
	if s.transaction != nil {
		s.transaction.write(chunk)
	}
	return s.unless(library.OptNoBodyReply), nil
}

// Body is the end of the message: the plan is carried out.
func (s *session) Body(m *library.Modifier) (library.Response, error) {
	if s.transaction == nil {
		return deferral("message without an envelope"), nil
	}
	defer s.end()
	s.transaction.noteQueueID(m)
	return s.transaction.finish(editor{m, s.agreed(library.OptHeaderLeadingSpace)})
}

// Abort ends the message, wherever it is, and keeps what is known of the
// connection. Postfix sends it after every message, too.
func (s *session) Abort(*library.Modifier) error {
	s.end()
	return nil
}

// end gives up the message under way, with its signature.
func (s *session) end() {
	if s.transaction != nil {
		s.transaction.close()
		s.transaction = nil
	}
}
