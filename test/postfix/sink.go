package postfix

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Delivery is one message as a Sink received it.
type Delivery struct {
	ReversePath  string   // of MAIL, without the angle brackets; empty is the null one
	Parameters   string   // of MAIL, as "SIZE=310 BODY=8BITMIME"
	ForwardPaths []string // of each RCPT that was accepted, in order
	Data         []byte   // header and body, the octets of the wire without dot-stuffing
}

// Sink is an SMTP server that keeps what it gets: the next hop of an Instance.
// Postfix's own smtp-sink would not do: it adds fields and changes line ends.
type Sink struct {
	Addr     string // host:port
	keywords []string
	arrived  chan Delivery

	mu      sync.Mutex
	refused map[string]string // replies, by recipient
}

// patience is how long a message may be under way. It is long because a test
// machine may be slow, and only a failing test waits for it.
const patience = 30 * time.Second

// backlog is how many messages a Sink keeps for Wait; further ones wait in
// Postfix's queue.
const backlog = 10000

// StartSink starts a Sink that announces these EHLO keywords; without any,
// 8BITMIME and SIZE. It ends with the test.
func StartSink(t testing.TB, keywords ...string) *Sink {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	if len(keywords) == 0 {
		keywords = []string{"8BITMIME", "SIZE"}
	}
	s := &Sink{Addr: listener.Addr().String(), keywords: keywords, arrived: make(chan Delivery, backlog)}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

// Refuse makes the Sink refuse a recipient from now on with 550, of which
// Postfix makes a bounce.
func (s *Sink) Refuse(forwardPath string) { s.RefuseBy(forwardPath, "550 5.1.1 no such user here") }

// RefuseBy is Refuse, with another reply.
func (s *Sink) RefuseBy(forwardPath, reply string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused == nil {
		s.refused = make(map[string]string)
	}
	s.refused[forwardPath] = reply
}

func (s *Sink) refusal(forwardPath string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused[forwardPath]
}

// Wait returns the next n messages in the order of their arrival, each once, and
// fails the test if they do not come.
func (s *Sink) Wait(t testing.TB, n int) []Delivery {
	t.Helper()
	timeout := time.After(patience)
	var got []Delivery
	for len(got) < n {
		select {
		case d := <-s.arrived:
			got = append(got, d)
		case <-timeout:
			t.Fatalf("%d of %d messages arrived in %v", len(got), n, patience)
		}
	}
	return got
}

// Arrived returns what has arrived and no Wait has returned, without waiting.
func (s *Sink) Arrived() (all []Delivery) {
	for {
		select {
		case d := <-s.arrived:
			all = append(all, d)
		default:
			return all
		}
	}
}

// session is one connection to a Sink.
type session struct {
	sink    *Sink
	in      *bufio.Reader
	message Delivery // as far as it is known
	inData  bool     // the client has been asked to send the message
}

func (s *Sink) serve(conn net.Conn) {
	defer conn.Close()
	c := session{sink: s, in: bufio.NewReader(conn)}
	reply, err := "220 sink.example ESMTP", error(nil)
	for err == nil {
		if _, err = io.WriteString(conn, reply+"\r\n"); err == nil {
			reply, err = c.next()
		}
	}
}

// next reads a command, or a message after DATA, and returns the reply.
func (c *session) next() (string, error) {
	if c.inData {
		return c.receive()
	}
	line, err := c.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	verb, argument, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
	return c.do(strings.ToUpper(verb), argument), nil
}

func (c *session) receive() (string, error) {
	data, err := readData(c.in)
	if err != nil {
		return "", err
	}
	c.message.Data = data
	c.sink.arrived <- c.message
	c.inData = false
	return "250 2.0.0 Ok", nil
}

func (c *session) do(verb, argument string) string {
	switch verb {
	case "EHLO":
		return c.sink.greeting()
	case "MAIL":
		path, parameters := cutPath(argument)
		c.message = Delivery{ReversePath: path, Parameters: parameters}
	case "RCPT":
		path, _ := cutPath(argument)
		if reply := c.sink.refusal(path); reply != "" {
			return reply
		}
		c.message.ForwardPaths = append(c.message.ForwardPaths, path)
	case "DATA":
		c.inData = true
		return "354 go on"
	case "QUIT":
		return "221 2.0.0 Bye" // the client closes
	case "RSET":
	default:
		return "502 5.5.1 not here"
	}
	return "250 2.0.0 Ok"
}

func (s *Sink) greeting() string {
	reply := "250-sink.example\r\n"
	for _, k := range s.keywords {
		reply += "250-" + k + "\r\n"
	}
	return reply + "250 HELP"
}

// cutPath takes the path from FROM:<path> or TO:<path>, and returns what follows it.
// A local part in quotes may hold any octet (RFC 5321 section 4.1.2).
func cutPath(argument string) (path, parameters string) {
	_, argument, _ = strings.Cut(argument, "<")
	quoted := false
	for i := 0; i < len(argument); i++ {
		switch c := argument[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\':
			i++
		case c == '>' && !quoted:
			return argument[:i], strings.TrimSpace(argument[i+1:])
		}
	}
	return argument, ""
}

// readData reads up to the line with a single dot and takes away the dots that
// the sender put in (RFC 5321 section 4.5.2). All other octets are kept; only
// CRLF ends a line, so a bare CR or LF is data.
func readData(r *bufio.Reader) ([]byte, error) {
	var data []byte
	atStart := true
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if atStart && string(line) == ".\r\n" {
			return data, nil
		}
		if atStart && line[0] == '.' {
			line = line[1:]
		}
		data = append(data, line...)
		atStart = len(data) >= 2 && data[len(data)-2] == '\r'
	}
}
