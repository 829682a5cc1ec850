package milter

import (
	"crypto/sha256"
	"sync"

	"onbehalf/message"
)

// decided remembers the last messages that were signed here, so that one which a content
// filter hands back is not decided about and signed a second time. It keeps a digest of
// each, and forgets the oldest. The zero value is ready; it may be used by many goroutines.
type decided struct {
	mu    sync.Mutex
	ring  [maxDecided]digest
	next  int
	known map[digest]bool
}

const maxDecided = 4096

type digest [sha256.Size]byte

// whatReadersSee is what a filter may not change without being decided about again.
var whatReadersSee = []string{"From", "Reply-To", "Subject", "To", "Cc", "Date", "Message-ID"}

// digestOf distinguishes the header of one message from others. White space may have been folded
// otherwise on the way.
func digestOf(h message.Header) digest {
	text := make([]byte, 0, 1024)
	for _, name := range whatReadersSee {
		for _, f := range h {
			if f.Is(name) {
				text = append(append(text, name...), ':')
				text = append(appendSqueezed(text, f.Value), '\n')
			}
		}
	}
	return sha256.Sum256(text)
}

// with adds a signature over that header.
func (d digest) with(signature message.Field) digest {
	return sha256.Sum256(appendSqueezed(append(make([]byte, 0, 1024), d[:]...), signature.Value))
}

// appendSqueezed appends text without its white space.
func appendSqueezed(to []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			to = append(to, c)
		}
	}
	return to
}

// remember notes a message as it leaves.
func (d *decided) remember(signatures []message.Field, h message.Header) {
	if len(signatures) == 0 {
		return
	}
	one := digestOf(h).with(signatures[0])
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = make(map[digest]bool, maxDecided)
	}
	delete(d.known, d.ring[d.next])
	d.ring[d.next] = one
	d.next = (d.next + 1) % maxDecided
	d.known[one] = true
}

// maxAsked is how many signatures of a message are compared.
const maxAsked = 10

// knows reports whether the message is one that was signed here.
func (d *decided) knows(h message.Header) bool {
	signatures := h.All("DKIM-Signature")
	if len(signatures) == 0 {
		return false
	}
	seen := digestOf(h)
	for _, signature := range signatures[:min(len(signatures), maxAsked)] {
		one := seen.with(signature)
		d.mu.Lock()
		found := d.known[one]
		d.mu.Unlock()
		if found {
			return true
		}
	}
	return false
}
