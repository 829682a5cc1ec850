package keys

import (
	"encoding/base64"
	"hash"

	"onbehalf/message"
	"onbehalf/tenant"
)

// fieldName is the name of what carries a signature.
const fieldName = "DKIM-Signature"

// maxColumns is how long a line of a DKIM-Signature field is at most, where white space may
// stand at all; RFC 5322 section 2.1.1 asks for 78 octets. A domain or selector is longer at
// times, and stays on a line of its own.
const maxColumns = 78

// folded is the value of a DKIM-Signature field in the making.
type folded struct {
	text   []byte
	column int // octets in the last line so far
}

func newFolded() folded { return folded{make([]byte, 0, 1024), len(fieldName) + 1} }

// tag appends a tag (RFC 6376 section 3.2), on a new line if the last one has no room.
func (f *folded) tag(name, value string) {
	f.breakBefore(1 + len(name) + 1 + len(value) + 1)
	f.put(" ", name, "=", value, ";")
}

// list appends a tag whose value may have folds after each colon (section 3.5, h=).
func (f *folded) list(name string, items []string) {
	f.breakBefore(maxColumns)
	f.put(" ", name, "=")
	for i, item := range items {
		if f.column+len(item)+1 > maxColumns {
			f.line()
			f.put(" ")
		}
		f.put(item)
		if i < len(items)-1 {
			f.put(":")
		}
	}
	f.put(";")
}

// open appends the tag b= without a value, on a line of its own: what is signed.
func (f *folded) open() {
	f.line()
	f.put(" b=")
}

// fill appends the value of b=, with folds.
func (f *folded) fill(signature []byte) {
	for text := base64.StdEncoding.AppendEncode(nil, signature); len(text) > 0; {
		if f.column >= maxColumns {
			f.line()
			f.put(" ")
		}
		n := min(len(text), maxColumns-f.column)
		f.text = append(f.text, text[:n]...)
		f.column += n
		text = text[n:]
	}
}

func (f *folded) put(texts ...string) {
	for _, s := range texts {
		f.text = append(f.text, s...)
		f.column += len(s)
	}
}

func (f *folded) line() {
	f.text = append(f.text, "\r\n"...)
	f.column = 0
}

// breakBefore begins a new line if the last one has no room for that many octets.
func (f *folded) breakBefore(octets int) {
	if f.column+octets > maxColumns {
		f.line()
	}
}

// algorithms are the values of a= (RFC 6376 section 3.3, RFC 8463 section 3).
var algorithms = map[tenant.Algorithm]string{tenant.RSA: "rsa-sha256", tenant.Ed25519: "ed25519-sha256"}

// unsigned writes the field up to the value of b=.
func unsigned(id tenant.Identity, bodyHash string, names []string, time string) folded {
	f := newFolded()
	f.tag("a", algorithms[id.Algorithm])
	f.tag("bh", bodyHash)
	f.tag("c", "relaxed/relaxed")
	f.tag("d", id.SDID.String())
	f.list("h", names)
	f.tag("s", id.Selector)
	f.tag("t", time)
	f.tag("v", "1")
	f.open()
	return f
}

// signField makes a field that signs a header, hashed so far, and the field itself (RFC 6376
// section 3.7).
func signField(key Key, header hash.Hash, f folded) (message.Field, error) {
	self := relaxedField(make([]byte, 0, len(f.text)+len(fieldName)), fieldName, f.text)
	header.Write(self[:len(self)-len("\r\n")])
	signature, err := key.sign(header.Sum(nil))
	if err != nil {
		return message.Field{}, err
	}
	f.fill(signature)
	return message.Field{Name: fieldName, Value: string(f.text)}, nil
}
