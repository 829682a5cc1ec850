package mta

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"onbehalf/message"
)

// Mail is a message and how it was handed in.
type Mail struct {
	Client     netip.Addr
	Local      bool   // handed in on the host itself (sendmail): no port, no angle brackets
	Login      string // SASL login; empty: none
	Host       string // the mail host's name
	QueueID    string
	Sender     string // with or without angle brackets; ESMTP parameters behind a space
	Recipients []string
	Header     message.Header
	Body       []byte // lines ending in CRLF
}

// Result is what the milter made of a message.
type Result struct {
	Reply      string // SMTP reply of a refusal or deferral; empty: the message goes on
	Sender     string // with angle brackets
	Recipients []string
	Refused    map[string]string // recipients, with the reply
	Header     message.Header    // without the Received field that the server adds
}

// Connect sends the milter who the client is. Once on a connection.
func (c *Client) Connect(m Mail) error {
	if err := c.Macros('C', "j", m.Host); err != nil {
		return err
	}
	name, family, port := "["+m.Client.String()+"]", byte('4'), uint16(40000)
	if m.Client.Is6() {
		family = '6'
	}
	if m.Local {
		name, port = "localhost", 0
	}
	data := append(joinNUL([]string{name}), family)
	data = binary.BigEndian.AppendUint16(data, port)
	data = append(data, joinNUL([]string{m.Client.String()})...)
	return refused(c.ask('C', data))
}

// Send passes one message through the milter, after Connect.
func (c *Client) Send(m Mail) (Result, error) {
	sender, _ := splitSender(m.Sender)
	result := Result{Sender: sender, Header: append(message.Header(nil), m.Header...)}
	done, err := c.envelope(m, &result)
	if done || err != nil {
		return result, err
	}
	done, err = c.content(m, &result)
	if done || err != nil {
		return result, err
	}
	if err := c.Macros('E', "i", m.QueueID); err != nil {
		return result, err
	}
	if err := c.Write('E', nil); err != nil {
		return result, err
	}
	for {
		code, data, err := c.Read()
		if err != nil {
			return result, err
		}
		done, err := result.take(code, data, c.leadingSpace)
		if err != nil {
			return result, err
		}
		if done {
			return result, c.Write('A', nil)
		}
	}
}

// envelope sends MAIL and RCPT. Done: the milter wants no more of the message.
func (c *Client) envelope(m Mail, result *Result) (done bool, err error) {
	var macros []string
	if m.Login != "" {
		macros = []string{"{auth_type}", "PLAIN", "{auth_authen}", m.Login}
	}
	if m.Local {
		macros = append(macros, "i", m.QueueID) // known this early only there
	}
	if err := c.Macros('M', macros...); err != nil {
		return false, err
	}
	sender, parameters := splitSender(m.Sender)
	if m.Local {
		sender = strings.Trim(sender, "<>")
	}
	code, data, err := c.Ask('M', append([]string{sender}, parameters...)...)
	if err == nil && code == 'c' {
		return c.recipients(m, result)
	}
	if code == 'a' {
		result.Recipients = m.Recipients
	}
	return c.settle(err, code, data, result)
}

// recipients sends RCPTs. One that is refused costs the others nothing; one that is
// accepted lets the whole message go on unseen. Done: that, or none is left.
func (c *Client) recipients(m Mail, result *Result) (done bool, err error) {
	var last Result
	for i, recipient := range m.Recipients {
		c.Macros('R', "i", m.QueueID)
		code, data, err := c.Ask('R', bracketed(recipient))
		switch {
		case err == nil && code == 'c':
			result.Recipients = append(result.Recipients, recipient)
			continue
		case err == nil && code == 'a':
			result.Recipients = append(result.Recipients, m.Recipients[i:]...)
			return c.settle(nil, code, data, result)
		case err == nil:
			err = last.end(code, data)
		}
		if err != nil {
			return false, err
		}
		if result.Refused == nil {
			result.Refused = make(map[string]string)
		}
		result.Refused[recipient] = last.Reply
	}
	if len(result.Recipients) > 0 {
		return false, nil
	}
	result.Reply = last.Reply
	return true, c.Write('A', nil)
}

// maxChunk is the longest piece of a body that Postfix sends.
const maxChunk = 65535

// content sends header and body. Done: the milter wants no more of the message.
func (c *Client) content(m Mail, result *Result) (done bool, err error) {
	for _, field := range m.Header {
		value := strings.ReplaceAll(field.Value, "\r\n", "\n")
		if !c.leadingSpace {
			value = strings.TrimPrefix(value, " ")
		}
		if err := refused(c.Ask('L', field.Name, value)); err != nil {
			return false, err
		}
	}
	c.Macros('N', "i", m.QueueID)
	code, data, err := c.ask('N', nil)
	if err != nil || code != 'c' {
		return c.settle(err, code, data, result)
	}
	for body := m.Body; len(body) > 0; {
		n := min(len(body), maxChunk)
		if err := refused(c.ask('B', body[:n])); err != nil {
			return false, err
		}
		body = body[n:]
	}
	return false, nil
}

// refused makes an error of an answer other than to go on.
func refused(code byte, data []byte, err error) error {
	if err == nil && code != 'c' {
		return fmt.Errorf("milter answers %c %q", code, data)
	}
	return err
}

// settle ends a message before its end.
func (c *Client) settle(err error, code byte, data []byte, result *Result) (bool, error) {
	if err != nil {
		return false, err
	}
	return true, errors.Join(result.end(code, data), c.Write('A', nil))
}

// end takes an answer before the end of the message, where no edits may stand.
func (r *Result) end(code byte, data []byte) error {
	done, err := r.take(code, data, false)
	if err == nil && !done {
		err = fmt.Errorf("milter sends the edit %q before the end of the message", code)
	}
	return err
}

// take carries out one frame of the milter's answer. Done: it was the last.
func (r *Result) take(code byte, data []byte, leadingSpace bool) (done bool, err error) {
	words := strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
	switch code {
	case 'a', 'c':
		return true, nil
	case 'y':
		r.Reply = strings.ReplaceAll(words[0], "%%", "%")
		return true, nil
	case 'r', 't':
		r.Reply = map[byte]string{'r': "550 5.7.1 Command rejected", 't': "451 4.7.1 Service unavailable"}[code]
		return true, nil
	case 'e':
		r.Sender = words[0]
		return false, nil
	case '+':
		r.Recipients = append(r.Recipients, words[0])
		return false, nil
	case '-':
		r.removeRecipient(words[0])
		return false, nil
	case 'h':
		r.Header = append(r.Header, newField(words, leadingSpace))
		return false, nil
	case 'm', 'i':
		return false, r.edit(code, data, leadingSpace)
	}
	return false, fmt.Errorf("milter sends the unknown answer %q", code)
}

func (r *Result) removeRecipient(verbatim string) {
	var left []string
	for _, recipient := range r.Recipients {
		if bracketed(recipient) != verbatim {
			left = append(left, recipient)
		}
	}
	r.Recipients = left
}

// edit changes, deletes or inserts a field, as Postfix counts: from 1 among those
// of one name, from 0 over all for an insertion.
func (r *Result) edit(code byte, data []byte, leadingSpace bool) error {
	if len(data) < 4 {
		return fmt.Errorf("milter sends a short %c", code)
	}
	index := int(binary.BigEndian.Uint32(data))
	field := newField(strings.Split(strings.TrimSuffix(string(data[4:]), "\x00"), "\x00"), leadingSpace)
	if code == 'i' {
		index = min(index, len(r.Header))
		r.Header = append(r.Header[:index], append(message.Header{field}, r.Header[index:]...)...)
		return nil
	}
	deletion := strings.TrimSpace(field.Value) == ""
	for i, old := range r.Header {
		if !old.Is(field.Name) {
			continue
		}
		if index--; index > 0 {
			continue
		}
		if deletion {
			r.Header = append(r.Header[:i], r.Header[i+1:]...)
		} else {
			r.Header[i] = field
		}
		return nil
	}
	if !deletion {
		r.Header = append(r.Header, field)
	}
	return nil
}

func newField(words []string, leadingSpace bool) message.Field {
	field := message.Field{Name: words[0]}
	if len(words) > 1 {
		field.Value = strings.ReplaceAll(words[1], "\n", "\r\n")
	}
	if !leadingSpace {
		field.Value = " " + field.Value
	}
	return field
}

// splitSender parts the path from the ESMTP parameters. A path with a blank in it
// (a quoted local part) must come in angle brackets.
func splitSender(sender string) (path string, parameters []string) {
	if path, rest, found := strings.Cut(sender, "> "); found {
		return path + ">", strings.Fields(rest)
	}
	if !strings.HasPrefix(sender, "<") {
		sender, rest, _ := strings.Cut(sender, " ")
		return bracketed(sender), strings.Fields(rest)
	}
	return sender, nil
}

func bracketed(path string) string {
	if strings.HasPrefix(path, "<") {
		return path
	}
	return "<" + path + ">"
}
