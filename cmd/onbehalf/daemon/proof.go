package daemon

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

// proofAge is how long it holds that the platform's keys have signed a message.
const proofAge = 30 * time.Second

// proof is what came of signing a message with the platform's keys, and of verifying that.
type proof struct {
	mu  sync.Mutex
	of  *Generation
	at  time.Time
	err error
}

// of a generation; it is made again when it is old. Many may ask at a time.
func (p *proof) signs(g *Generation) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if age := time.Since(p.at); p.of != g || age < 0 || age > proofAge {
		p.err = prove(g.ring, g.Platform)
		p.of, p.at = g, time.Now()
	}
	return p.err
}

// forget lets go of a generation that is perhaps not in use any more.
func (p *proof) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of = nil
}

// prove signs a message as the platform, and has go-msgauth verify each signature by the record
// that the key would have in DNS.
func prove(ring *keys.Ring, platform *tenant.Platform) error {
	ids := ring.Held(platform.Identities)
	if len(ids) == 0 && platform.Policy.Mode == tenant.Shadow {
		return nil // a new installation: it signs nothing yet
	}
	const body = "Not to be delivered.\r\n"
	header := message.Header{{Name: "From", Value: " postmaster@" + platform.Domain.String()}, {Name: "Subject", Value: " self-test"}}
	signature, err := ring.Sign(header, ids)
	if err != nil {
		return err
	}
	signature.Write([]byte(body)) // Fields returns its error
	fields, err := signature.Fields()
	if err != nil {
		return err
	}
	text := append(message.Header(fields), header...).String() + "\r\n" + body
	verified, err := dkim.VerifyWithOptions(strings.NewReader(text), &dkim.VerifyOptions{LookupTXT: recordsOf(ring, ids)})
	if err != nil {
		return err
	}
	for _, one := range verified {
		err = errors.Join(err, one.Err)
	}
	if len(verified) != len(ids) {
		return fmt.Errorf("%d signatures were made, and %d verified", len(ids), len(verified))
	}
	return err
}

// recordsOf answers for DNS, with the records of some keys.
func recordsOf(ring *keys.Ring, ids []tenant.Identity) func(string) ([]string, error) {
	return func(name string) ([]string, error) {
		for _, id := range ids {
			if key, held := ring.Key(id); held && strings.EqualFold(id.String(), name) {
				record, err := keys.Record(key.Public())
				return []string{record}, err
			}
		}
		return nil, fmt.Errorf("%s is not a key of the platform", name)
	}
}
