package test

import (
	"context"
	"fmt"
	"maps"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"time"

	"onbehalf/test/postfix"
)

// kind is a kind of message in the load.
type kind struct {
	name   string
	client string // another one's address, by XCLIENT: a stranger
	sender string
	to     func(*load) string // empty: none yet
	from   string
	body   int      // lines
	sdids  []string // that sign, the uppermost first; none: it is not signed
	home   string   // where it arrives; empty: where it was sent to
}

const union = "board@union.example"

func student(*load) string { return "student@receiver.example" }

var kinds = []kind{
	{name: "kept", sender: kept, to: student, from: own, body: 10, sdids: []string{customer}},
	{name: "big", sender: kept, to: student, from: own, body: 20000, sdids: []string{customer}},
	{name: "rewritten", sender: union, to: student, from: "Board <" + union + ">", body: 10, sdids: []string{"reply." + platforms, platforms}},
	{name: "platform", sender: "lms@courseware.nl", to: student, from: "LMS <lms@courseware.nl>", body: 10, sdids: []string{platforms}},
	{name: "stranger", client: "203.0.113.9", sender: "someone@stranger.example", to: student, from: "someone@stranger.example", body: 10},
	{name: "bounce", client: "203.0.113.10", to: (*load).bounceAddress, from: "MAILER-DAEMON@mx.receiver.example", body: 10, home: union},
	{name: "reply", client: "203.0.113.11", sender: "student@receiver.example", to: (*load).replyAddress, from: "student@receiver.example", body: 10, home: union},
}

// load is what is sent. Its methods may be called by many goroutines.
type load struct {
	smtp string // host:port of Postfix

	mu            sync.Mutex
	n             int
	sent          map[string]bool // message by its id: accepted
	refused       []string        // for good, with the reply
	again, cuts   int
	bounce, reply string // addresses that have been seen last
}

func (l *load) bounceAddress() string { l.mu.Lock(); defer l.mu.Unlock(); return l.bounce }
func (l *load) replyAddress() string  { l.mu.Lock(); defer l.mu.Unlock(); return l.reply }

// learn takes the addresses that bounces and replies go to from a message that was rewritten.
func (l *load) learn(m *mail.Message, d postfix.Delivery) {
	from, err := mail.ParseAddress(m.Header.Get("From"))
	if err != nil || !strings.HasPrefix(m.Header.Get("X-Soak"), "rewritten-") {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bounce, l.reply = d.ReversePath, from.Address
}

// kinds counts what was sent. The load is locked.
func (l *load) kinds() map[string]int {
	count := make(map[string]int)
	for id := range l.sent {
		name, _, _ := strings.Cut(id, "-")
		count[name]++
	}
	return count
}

func counted(all map[string]int) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		texts = append(texts, fmt.Sprintf("%d %s", all[name], name))
	}
	return strings.Join(texts, ", ")
}

func (l *load) newID(kind string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	return fmt.Sprintf("%s-%d", kind, l.n)
}

func (l *load) octets(k kind, id string) []byte {
	return fmt.Appendf(nil, "From: %s\r\nTo: student@receiver.example\r\nSubject: Your course\r\nX-Soak: %s\r\n\r\n%s",
		k.from, id, strings.Repeat("A line of a message about a course, as there are many.\r\n", k.body))
}

// perSession is how many messages a session has.
const perSession = 10

// work sends messages of a kind until ctx ends, each until it is accepted, as a mail server does.
func (l *load) work(ctx context.Context, k kind) {
	var session *talk
	for n := 0; ctx.Err() == nil; n++ {
		time.Sleep(50 * time.Millisecond)
		to := k.to(l)
		if to == "" {
			continue
		}
		id := l.newID(k.name)
		for tries := 0; ; tries++ {
			if session == nil || n%perSession == 0 && tries == 0 {
				session.quit()
				session = startTalk(l.smtp, k.client)
			}
			code, text := session.send(k.sender, to, l.octets(k, id))
			if l.note(id, code, text, tries > 0) {
				break
			}
			session.quit() // Postfix calls no milter again in a session that has lost it
			session = nil
			if time.Sleep(100 * time.Millisecond); tries > 600 {
				l.note(id, 599, "never accepted", false)
				break
			}
		}
	}
	session.quit()
}

// note notes a reply, and reports whether that is the end of the message.
func (l *load) note(id string, code int, text string, again bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if again {
		l.again++
	}
	switch code / 100 {
	case 2:
		l.sent[id] = true
	case 5:
		l.refused = append(l.refused, id+": "+text)
	default:
		return false
	}
	return true
}

// cut hands in messages that end in the middle, until ctx ends.
func (l *load) cut(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(200 * time.Millisecond)
		session := startTalk(l.smtp, "")
		if session == nil {
			continue
		}
		session.do("MAIL FROM:<%s>", kept)
		session.do("RCPT TO:<student@receiver.example>")
		session.do("DATA")
		session.conn.W.Write(l.octets(kinds[0], l.newID("cut")))
		session.conn.W.Flush()
		session.conn.Close()
		l.mu.Lock()
		l.cuts++
		l.mu.Unlock()
	}
}

// talk is an SMTP session that bears with whatever becomes of the server. Nil: there is none.
type talk struct{ conn *textproto.Conn }

func startTalk(addr, client string) *talk {
	conn, err := textproto.Dial("tcp", addr)
	if err != nil {
		return nil
	}
	s := &talk{conn}
	s.reply()
	s.do("EHLO client.example")
	if client != "" {
		s.do("XCLIENT ADDR=%s", client)
		s.do("EHLO client.example")
	}
	return s
}

func (s *talk) quit() {
	if s != nil {
		s.do("QUIT")
		s.conn.Close()
	}
}

// do sends a command and returns the reply; 0: the connection is gone.
func (s *talk) do(format string, args ...any) (int, string) {
	if err := s.conn.PrintfLine(format, args...); err != nil {
		return 0, err.Error()
	}
	return s.reply()
}

func (s *talk) reply() (int, string) {
	code, text, err := s.conn.ReadResponse(0)
	if err != nil {
		return 0, err.Error()
	}
	return code, text
}

// send hands in a message, and returns the reply that ended it.
func (s *talk) send(sender, to string, octets []byte) (int, string) {
	if s == nil {
		return 0, "no connection"
	}
	for _, command := range []string{"MAIL FROM:<" + sender + ">", "RCPT TO:<" + to + ">"} {
		if code, text := s.do("%s", command); code/100 != 2 {
			return code, text
		}
	}
	if code, text := s.do("DATA"); code != 354 {
		return code, text
	}
	w := s.conn.DotWriter()
	w.Write(octets)
	if err := w.Close(); err != nil {
		return 0, err.Error()
	}
	return s.reply()
}
