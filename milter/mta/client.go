// Package mta plays the mail server's side of the milter protocol, as Postfix 3.7
// does it, and returns the message as it would leave. The demonstration, self-tests
// and the tests of package milter use it; mail does not pass through here.
package mta

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// Client is a connection to a milter.
type Client struct {
	conn         net.Conn
	patience     time.Duration // bounds each read and write
	leadingSpace bool
	noReply      map[byte]bool // commands that the milter does not answer
}

// Offer is what a mail server says it can do: bits of the protocol.
type Offer struct{ Version, Actions, Protocol uint32 }

// Postfix is what Postfix 3.7 offers.
var Postfix = Offer{Version: 6, Actions: 0x1ff, Protocol: 0x1fffff}

// leadingSpace is the protocol bit for values that travel with it.
const leadingSpace = 0x100000

// noReplyBits are the protocol bits by which a milter says what it will not answer.
var noReplyBits = map[byte]uint32{'L': 0x80, 'C': 0x1000, 'M': 0x4000, 'R': 0x8000, 'N': 0x40000, 'B': 0x80000}

// patience bounds each read and write.
const patience = 30 * time.Second

// Dial connects to a milter ("unix" or "tcp") and negotiates as Postfix does.
func Dial(network, address string) (*Client, error) { return DialOffer(network, address, Postfix) }

// DialWithin is Dial for who does not wait as long as Postfix for an answer.
func DialWithin(network, address string, patience time.Duration) (*Client, error) {
	return dial(network, address, Postfix, patience)
}

// DialOffer is Dial for a mail server that can do less.
func DialOffer(network, address string, offer Offer) (*Client, error) {
	return dial(network, address, offer, patience)
}

func dial(network, address string, offer Offer, patience time.Duration) (*Client, error) {
	conn, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return nil, err
	}
	c := &Client{conn: conn, patience: patience, noReply: make(map[byte]bool)}
	if err := c.negotiate(offer); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// Octets returns the offer as it travels.
func (o Offer) Octets() []byte {
	var octets []byte
	for _, word := range []uint32{o.Version, o.Actions, o.Protocol} {
		octets = binary.BigEndian.AppendUint32(octets, word)
	}
	return octets
}

func (c *Client) negotiate(offer Offer) error {
	if err := c.Write('O', offer.Octets()); err != nil {
		return err
	}
	code, data, err := c.Read()
	if err != nil {
		return err
	}
	if code != 'O' || len(data) < 12 {
		return fmt.Errorf("milter answers the negotiation with %q", code)
	}
	agreed := binary.BigEndian.Uint32(data[8:])
	c.leadingSpace = agreed&leadingSpace != 0
	for command, bit := range noReplyBits {
		c.noReply[command] = agreed&bit != 0
	}
	return nil
}

// Write sends one frame: a command letter and its data.
func (c *Client) Write(command byte, data []byte) error {
	frame := binary.BigEndian.AppendUint32(nil, uint32(1+len(data)))
	frame = append(append(frame, command), data...)
	return c.WriteRaw(frame)
}

// WriteRaw sends octets as they are, for tests of what no mail server sends.
func (c *Client) WriteRaw(octets []byte) error {
	c.conn.SetWriteDeadline(time.Now().Add(c.patience))
	_, err := c.conn.Write(octets)
	return err
}

// Read takes one frame from the milter.
func (c *Client) Read() (code byte, data []byte, err error) {
	c.conn.SetReadDeadline(time.Now().Add(c.patience))
	var head [5]byte
	if _, err := io.ReadFull(c.conn, head[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(head[:])
	if length == 0 || length > 1<<24 {
		return 0, nil, fmt.Errorf("milter sends a frame of %d bytes", length)
	}
	data = make([]byte, length-1)
	_, err = io.ReadFull(c.conn, data)
	return head[4], data, err
}

// Macros sends names and values for the command that comes next.
func (c *Client) Macros(command byte, words ...string) error {
	return c.Write('D', append([]byte{command}, joinNUL(words)...))
}

// Ask sends a command with NUL-ended words and returns the answer; 'c' (go on) where
// the milter sends none.
func (c *Client) Ask(command byte, words ...string) (code byte, data []byte, err error) {
	return c.ask(command, joinNUL(words))
}

func (c *Client) ask(command byte, data []byte) (byte, []byte, error) {
	if err := c.Write(command, data); err != nil {
		return 0, nil, err
	}
	if c.noReply[command] {
		return 'c', nil, nil
	}
	return c.Read()
}

// Close ends the connection as Postfix does.
func (c *Client) Close() error {
	return errors.Join(c.Write('Q', nil), c.conn.Close())
}

func joinNUL(words []string) []byte {
	if len(words) == 0 {
		return nil
	}
	return []byte(strings.Join(words, "\x00") + "\x00")
}
