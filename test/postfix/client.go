package postfix

import (
	"bytes"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

// Client speaks SMTP as a test wants it spoken: any command, in any order, and
// the octets of messages as they are. A connection that breaks fails the test.
type Client struct {
	t    testing.TB
	conn net.Conn
	text *textproto.Conn
}

// Reply is what the server says to a command.
type Reply struct {
	Code int
	Text string // without the code, lines joined by LF
}

func (r Reply) String() string { return fmt.Sprintf("%d %s", r.Code, r.Text) }

// OK reports whether the server did what it was asked to.
func (r Reply) OK() bool { return r.Code/100 == 2 }

// Dial connects, and greets with EHLO. The connection ends with the test.
func Dial(t testing.TB, addr string) *Client {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{t: t, conn: conn, text: textproto.NewConn(conn)}
	t.Cleanup(func() { c.text.Close() })
	c.want(c.reply())
	c.want(c.Do("EHLO client.example"))
	return c
}

// XClient makes the server believe that the client is another one, as
// "ADDR=203.0.113.5 LOGIN=lms-yourorg" (Postfix's XCLIENT_README), and greets again.
// A client with a foreign address may not do so a second time.
func (c *Client) XClient(attributes string) {
	c.t.Helper()
	c.want(c.Do("XCLIENT " + attributes))
	c.want(c.Do("EHLO client.example"))
}

// Do sends one command line, and returns the reply.
func (c *Client) Do(line string) Reply {
	c.t.Helper()
	if err := c.text.PrintfLine("%s", line); err != nil {
		c.t.Fatalf("%s: %v", line, err)
	}
	return c.reply()
}

// Data sends DATA and a message: its octets as they are, with a dot put before
// each line that starts with one. A CRLF is added if the message does not end
// with it, for DATA cannot say otherwise (Chunk can). The reply is the final one,
// or the one that refused DATA.
func (c *Client) Data(message []byte) Reply {
	c.t.Helper()
	if r := c.Do("DATA"); r.Code != 354 {
		return r
	}
	// Postfix takes a bare LF for a line end, so a dot after one is doubled too.
	wire := bytes.ReplaceAll(append([]byte("\n"), message...), []byte("\n."), []byte("\n.."))[1:]
	if !bytes.HasSuffix(wire, []byte("\r\n")) {
		wire = append(wire, "\r\n"...)
	}
	return c.send(append(wire, ".\r\n"...))
}

// Chunk sends a message with BDAT (RFC 3030), which frames it by its length.
func (c *Client) Chunk(message []byte) Reply {
	c.t.Helper()
	return c.send(append(fmt.Appendf(nil, "BDAT %d LAST\r\n", len(message)), message...))
}

// Send is a whole transaction. It ends at the first command that is refused,
// with the reply to that.
func (c *Client) Send(reversePath string, forwardPaths []string, message []byte) Reply {
	c.t.Helper()
	commands := []string{"MAIL FROM:<" + reversePath + ">"}
	for _, path := range forwardPaths {
		commands = append(commands, "RCPT TO:<"+path+">")
	}
	for _, command := range commands {
		if r := c.Do(command); !r.OK() {
			return r
		}
	}
	return c.Data(message)
}

func (c *Client) send(octets []byte) Reply {
	c.t.Helper()
	if _, err := c.conn.Write(octets); err != nil {
		c.t.Fatal(err)
	}
	return c.reply()
}

func (c *Client) reply() Reply {
	c.t.Helper()
	c.conn.SetDeadline(time.Now().Add(patience))
	code, text, err := c.text.ReadResponse(0)
	if err != nil {
		c.t.Fatalf("reading the SMTP server's reply: %v", err)
	}
	return Reply{code, text}
}

// want is for replies that a test cannot go on without.
func (c *Client) want(r Reply) {
	c.t.Helper()
	if !r.OK() {
		c.t.Fatalf("SMTP server: %v", strings.TrimSpace(r.String()))
	}
}
