package bench

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// mail is a message of the bench.
type mail struct {
	client, sender, recipient string
	header                    [][2]string // name, value with its leading space
	body                      []byte
}

// conversation is a connection to any milter, on which messages are sent as Postfix sends them:
// frames gathered in writes of 4096 octets, and a pause only where an answer is due.
type conversation struct {
	conn     net.Conn
	out      *bufio.Writer
	in       *bufio.Reader
	version  uint32
	protocol uint32
}

// Steps that a milter does not want to see, and those that it does not answer, by command: bits
// of the protocol word.
var (
	unwanted = map[byte]uint32{'C': 0x1, 'H': 0x2, 'M': 0x4, 'R': 0x8, 'B': 0x10, 'L': 0x20, 'N': 0x40, 'T': 0x200}
	silent   = map[byte]uint32{'L': 0x80, 'C': 0x1000, 'H': 0x2000, 'M': 0x4000, 'R': 0x8000, 'T': 0x10000, 'N': 0x40000, 'B': 0x80000}
)

const patience = time.Minute

func converse(socket string, m mail) (*conversation, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	c := &conversation{conn: conn, out: bufio.NewWriterSize(conn, 4096), in: bufio.NewReader(conn)}
	if err := c.open(m); err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: %w", socket, err)
	}
	return c, nil
}

func (c *conversation) open(m mail) error {
	offer := binary.BigEndian.AppendUint32(nil, 6)
	offer = binary.BigEndian.AppendUint32(offer, 0x1ff)
	offer = binary.BigEndian.AppendUint32(offer, 0x1fffff)
	c.frame('O', offer)
	code, data, err := c.reply()
	if err != nil {
		return err
	}
	if code != 'O' || len(data) < 12 {
		return fmt.Errorf("the negotiation is answered %q", code)
	}
	c.version, c.protocol = binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[8:])
	c.frame('D', []byte("Cj\x00mail.courseware.nl\x00{daemon_name}\x00mail.courseware.nl\x00v\x00Postfix 3.7.11\x00"))
	if err := c.step('C', []byte("["+m.client+"]\x004\x9c\x40"+m.client+"\x00")); err != nil {
		return err
	}
	return c.step('H', []byte("client.example\x00"))
}

// send passes a message through, and reports whether the milter signed it.
func (c *conversation) send(m mail) (signed bool, err error) {
	for _, step := range []struct {
		command      byte
		macros, data string
	}{
		{'M', "{mail_addr}\x00" + m.sender + "\x00", "<" + m.sender + ">\x00"},
		{'R', "{rcpt_addr}\x00" + m.recipient + "\x00", "<" + m.recipient + ">\x00"},
		{'T', "i\x004XQUEUE\x00", ""},
	} {
		c.frame('D', []byte(string(step.command)+step.macros))
		if err := c.step(step.command, []byte(step.data)); err != nil {
			return false, err
		}
	}
	over, err := c.content(m)
	if over || err != nil {
		c.frame('A', nil)
		return false, err
	}
	c.frame('D', []byte("Ei\x004XQUEUE\x00"))
	c.frame('E', nil)
	for {
		code, data, err := c.reply()
		switch {
		case err != nil:
			return false, err
		case code == 'h' || code == 'i':
			signed = signed || strings.Contains(string(data), "DKIM-Signature")
		case code == 'a' || code == 'c':
			c.frame('A', nil)
			return signed, c.out.Flush()
		case code == 'r' || code == 't' || code == 'y':
			return false, fmt.Errorf("the message is answered %q %q", code, data)
		}
	}
}

// content sends header and body. Over: the milter wants no more of the message.
func (c *conversation) content(m mail) (over bool, err error) {
	for _, field := range m.header {
		value := field[1]
		if c.protocol&0x100000 == 0 {
			value = strings.TrimPrefix(value, " ")
		}
		if err := c.step('L', []byte(field[0]+"\x00"+value+"\x00")); err != nil {
			return false, err
		}
	}
	c.frame('D', []byte("Ni\x004XQUEUE\x00"))
	code, err := c.ask('N', nil)
	if err != nil || code == 'a' {
		return code == 'a', err
	}
	for body := m.body; len(body) > 0; {
		n := min(len(body), 65535)
		code, err := c.ask('B', body[:n])
		if err != nil {
			return false, err
		}
		if code == 's' {
			break
		}
		body = body[n:]
	}
	return false, nil
}

// step sends a command and takes the answer, if one is due, which must be to go on.
func (c *conversation) step(command byte, data []byte) error {
	code, err := c.ask(command, data)
	if err == nil && code != 'c' && code != 's' {
		err = fmt.Errorf("%c is answered %q", command, code)
	}
	return err
}

func (c *conversation) ask(command byte, data []byte) (byte, error) {
	if c.protocol&unwanted[command] != 0 || command == 'T' && c.version < 4 {
		return 'c', nil
	}
	c.frame(command, data)
	if c.protocol&silent[command] != 0 {
		return 'c', nil
	}
	code, _, err := c.reply()
	return code, err
}

// frame writes a frame. An error of the connection comes with the next reply.
func (c *conversation) frame(command byte, data []byte) {
	c.out.Write(binary.BigEndian.AppendUint32(c.out.AvailableBuffer(), uint32(1+len(data))))
	c.out.WriteByte(command)
	c.out.Write(data)
}

func (c *conversation) reply() (code byte, data []byte, err error) {
	if err := c.out.Flush(); err != nil {
		return 0, nil, err
	}
	c.conn.SetReadDeadline(time.Now().Add(patience))
	var head [5]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(head[:])
	if length == 0 || length > 1<<20 {
		return 0, nil, fmt.Errorf("frame of %d octets", length)
	}
	data = make([]byte, length-1)
	_, err = io.ReadFull(c.in, data)
	return head[4], data, err
}

func (c *conversation) close() {
	c.frame('Q', nil)
	c.out.Flush()
	c.conn.Close()
}
