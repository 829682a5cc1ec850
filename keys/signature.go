package keys

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/emersion/go-msgauth/dkim"

	"onbehalf/message"
	"onbehalf/tenant"
)

// ErrUnsignable says that a message holds something that verifiers read in
// different ways, so that no signature would hold everywhere. It will not get
// better by waiting. Errors that are ErrUnsignable say more.
var ErrUnsignable = errors.New("message cannot be signed so that every receiver can verify it")

// errEnded: Write or Fields after Fields or Close.
var errEnded = errors.New("signature has ended already")

// Signature is a message being signed: the header went into Ring.Sign, the body is
// written as it streams past, and Fields gives the result. Nothing of the body is
// kept. A Signature must be closed, for it owns goroutines. Its methods may be
// called by several goroutines, as when a connection ends while its message is
// worked on.
type Signature struct {
	mu    sync.Mutex
	parts []part
	cr    bool  // the last octet written was a CR
	err   error // the first thing that went wrong
	ended bool
}

// part is one of the DKIM-Signature fields to be.
type part struct {
	id     tenant.Identity
	key    *guarded
	signer *dkim.Signer
}

// Sign starts a signature for each identity. The header is the one that the
// receiver will see, without the signatures. An empty list, or an identity whose
// key is not in the ring, is an error: mail is never unsigned by mistake. Further
// errors are ErrUnsignable and ErrTooManyFields. The caller must Close what it
// gets.
func (r *Ring) Sign(header message.Header, ids []tenant.Identity) (*Signature, error) {
	if len(ids) == 0 {
		return nil, errors.New("no identity to sign as")
	}
	if err := checkHeader(header); err != nil {
		return nil, err
	}
	names, err := signedFields(header)
	if err != nil {
		return nil, err
	}
	s := new(Signature)
	for _, id := range ids {
		if err := s.open(r, id, names); err != nil {
			s.Close()
			return nil, fmt.Errorf("%s: %w", id, err)
		}
	}
	if err := s.send([]byte(header.String() + "\r\n")); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// checkHeader refuses a header that some verifier would read otherwise. RFC 5322
// section 3.6 wants one From; DMARC (RFC 9989) speaks of one.
func checkHeader(header message.Header) error {
	from := 0
	for _, f := range header {
		switch {
		case !message.ValidFieldName(f.Name):
			return fmt.Errorf("%w: %.40q is no name of a header field", ErrUnsignable, f.Name)
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

func (s *Signature) open(r *Ring, id tenant.Identity, names []string) error {
	key, found := r.Key(id)
	if !found {
		return errors.New("its private key is not here")
	}
	guarded := key.guard()
	signer, err := dkim.NewSigner(&dkim.SignOptions{
		Domain:                 id.SDID.String(),
		Selector:               id.Selector,
		Signer:                 guarded,
		Hash:                   crypto.SHA256,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed,
		BodyCanonicalization:   dkim.CanonicalizationRelaxed,
		HeaderKeys:             names,
	})
	if err != nil {
		return err
	}
	s.parts = append(s.parts, part{id, guarded, signer})
	return nil
}

// Write takes octets of the body, its lines ending in CRLF, in pieces of any size.
// What goes wrong is remembered: Fields gives the error too.
func (s *Signature) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return 0, errEnded
	case s.err != nil:
		return 0, s.err
	case len(p) == 0: // a pipe would wait for somebody to take the nothing
		return 0, nil
	}
	if s.err = s.checkBody(p); s.err == nil {
		s.err = s.send(p)
	}
	if s.err != nil {
		return 0, s.err
	}
	return len(p), nil
}

// errBareCR: RFC 5321 section 2.3.8 forbids it; go-msgauth takes it for a line
// end, others for a character.
var errBareCR = fmt.Errorf("%w: its body has a CR without a LF", ErrUnsignable)

func (s *Signature) checkBody(p []byte) error {
	if s.cr && p[0] != '\n' {
		return errBareCR
	}
	s.cr = p[len(p)-1] == '\r'
	for {
		i := bytes.IndexByte(p, '\r')
		if i < 0 || i == len(p)-1 {
			return nil
		}
		if p[i+1] != '\n' {
			return errBareCR
		}
		p = p[i+2:]
	}
}

// send gives octets to every signer.
func (s *Signature) send(p []byte) error {
	for _, part := range s.parts {
		if _, err := part.signer.Write(p); err != nil {
			return fmt.Errorf("%s: %w", part.id, err)
		}
	}
	return nil
}

// Fields ends the message and gives a DKIM-Signature field for each identity, in
// the order in which Sign got them. If one cannot be made there is none.
func (s *Signature) Fields() ([]message.Field, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, errEnded
	}
	defer s.end()
	if s.err == nil && s.cr {
		s.err = errBareCR
	}
	if s.err != nil {
		return nil, s.err
	}
	fields := make([]message.Field, 0, len(s.parts))
	for _, part := range s.parts {
		if err := part.signer.Close(); err != nil {
			return nil, fmt.Errorf("%s: %w", part.id, err)
		}
		fields = append(fields, toField(part.signer.Signature()))
	}
	return fields, nil
}

// toField takes apart a field as it travels.
func toField(text string) message.Field {
	name, value, _ := strings.Cut(text, ":")
	return message.Field{Name: name, Value: strings.TrimSuffix(value, "\r\n")}
}

// Close gives the signature up, if Fields has not ended it, and frees what it
// holds. It may be called at any time, any number of times. The error is always
// nil; it is there for io.Closer.
func (s *Signature) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
	return nil
}

// end closes every signer: an open one waits in a goroutine for the rest of the
// message. Closing makes go-msgauth sign, so the keys are stopped first.
func (s *Signature) end() {
	s.ended = true
	for _, part := range s.parts {
		part.key.stopped.Store(true)
		part.signer.Close()
	}
	s.parts = nil
}
