package keys

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"sync"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

// ErrUnsignable says that a message holds something that verifiers read in
// different ways, so that no signature would hold everywhere. It will not get
// better by waiting. Errors that are ErrUnsignable say more.
var ErrUnsignable = errors.New("message cannot be signed so that every receiver can verify it")

// errEnded: Write or Fields after Fields or Close.
var errEnded = errors.New("signature has ended already")

// errBareCR: RFC 5321 section 2.3.8 forbids it; some verifiers take it for a line
// end, others for a character.
var errBareCR = fmt.Errorf("%w: its body has a CR without a LF", ErrUnsignable)

// Signature is a message being signed: the header went into Ring.Sign, the body is
// written as it streams past, and Fields returns the result. Header and body are hashed
// once each, whatever the number of signatures, and nothing of them is kept. Its
// methods may be called by several goroutines, as when a connection ends while its
// message is worked on.
type Signature struct {
	mu     sync.Mutex
	parts  []part
	names  []string // for h=
	header hash.Cloner
	body   relaxedBody
	err    error // the first thing that went wrong
	ended  bool
}

// part is one of the DKIM-Signature fields to be.
type part struct {
	id  tenant.Identity
	key Key
}

// Sign starts a signature for each identity. The header is the one that the
// receiver will see, without the signatures. An empty list, or an identity whose
// key is not in the ring, is an error: mail is never unsigned by mistake. Further
// errors are ErrUnsignable and ErrTooManyFields.
func (r *Ring) Sign(header message.Header, ids []tenant.Identity) (*Signature, error) {
	if len(ids) == 0 {
		return nil, errors.New("no identity to sign as")
	}
	if err := checkHeader(header); err != nil {
		return nil, err
	}
	covered, err := cover(header)
	if err != nil {
		return nil, err
	}
	s := &Signature{names: covered.names, parts: make([]part, len(ids)), body: relaxedBody{hash: sha256.New()}}
	for i, id := range ids {
		key, found := r.Key(id)
		if !found {
			return nil, fmt.Errorf("%s: there is no private key of that name", id)
		}
		id.Algorithm = key.algorithm
		s.parts[i] = part{id, key}
	}
	s.header = hashFields(header, covered.fields)
	return s, nil
}

// hashFields hashes fields of a header in their canonical form.
func hashFields(header message.Header, places []int) hash.Cloner {
	h := sha256.New()
	canonical := make([]byte, 0, 256)
	for _, place := range places {
		canonical = relaxedField(canonical[:0], header[place].Name, header[place].Value)
		h.Write(canonical)
	}
	return h.(hash.Cloner) // what package sha256 makes can always be cloned (hash.Cloner)
}

// checkHeader refuses a header that some verifier would read otherwise. RFC 5322
// section 3.6 wants one From; DMARC (RFC 9989) speaks of one.
func checkHeader(header message.Header) error {
	from := 0
	for _, f := range header {
		switch {
		case !message.ValidFieldName(f.Name):
			return fmt.Errorf("%w: %.40q is not the name of a header field", ErrUnsignable, f.Name)
		case !f.Clean():
			return fmt.Errorf("%w: field %.40s holds a NUL or a stray line end", ErrUnsignable, f.Name)
		case f.Is("From"):
			from++
		}
	}
	if from != 1 {
		return fmt.Errorf("%w: it has %d From fields, not one", ErrUnsignable, from)
	}
	return nil
}

// Write takes octets of the body, its lines ending in CRLF, in pieces of any size.
// What goes wrong is remembered: Fields returns the error too.
func (s *Signature) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return 0, errEnded
	}
	if s.err == nil {
		s.err = s.body.write(p)
	}
	if s.err != nil {
		return 0, s.err
	}
	return len(p), nil
}

// Fields ends the message and returns a DKIM-Signature field for each identity, in
// the order in which Sign got them. If one cannot be made there is none.
func (s *Signature) Fields() ([]message.Field, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, errEnded
	}
	s.ended = true
	if s.err != nil {
		return nil, s.err
	}
	sum, err := s.body.sum()
	if err != nil {
		return nil, err
	}
	bodyHash, now := base64.StdEncoding.EncodeToString(sum), strconv.FormatInt(time.Now().Unix(), 10)
	fields := make([]message.Field, len(s.parts))
	for i, part := range s.parts {
		header, err := s.header.Clone()
		if err == nil {
			fields[i], err = signField(part.key, header, unsigned(part.id, bodyHash, s.names, now))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.id, err)
		}
	}
	return fields, nil
}

// Close gives the signature up, if Fields has not ended it. It may be called at any
// time, any number of times. The error is always nil; it is there for io.Closer.
func (s *Signature) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	return nil
}
