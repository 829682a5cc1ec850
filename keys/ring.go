package keys

import (
	"crypto"
	"fmt"
	"strings"

	"onbehalf/message"
	"onbehalf/remedy"
	"onbehalf/tenant"
)

// Ring leads from the name of a key to the key. It is filled with Add, by one
// goroutine, and after that only read, by any number. The zero Ring is empty.
type Ring struct {
	keys map[name]Key
}

// name is what a public key is published under. DNS does not know case.
type name struct {
	sdid     message.Domain
	selector string // lower case
}

func nameOf(id tenant.Identity) name {
	return name{id.SDID, strings.ToLower(id.Selector)}
}

// Add puts a key under a name; the identity's Algorithm is not looked at. A name
// that DNS cannot hold is an error, and so is a second key under one name: a
// record publishes one.
func (r *Ring) Add(id tenant.Identity, k Key) error {
	switch before, found := r.Key(id); {
	case k.IsZero():
		return fmt.Errorf("%s: no key", id)
	case id.SDID.IsZero():
		return fmt.Errorf("selector %q: no domain to sign as", id.Selector)
	case !tenant.ValidSelector(id.Selector):
		return remedy.New("choose one like cw1", "selector %q of %s is not made of letters, digits and inner hyphens", id.Selector, id.SDID)
	case !id.Fits():
		return remedy.New("choose a shorter selector", "%s is longer than the 253 bytes of a DNS name", id)
	case found && !samePublic(before, k):
		return remedy.New("give one of them another selector", "%s names two different keys", id)
	}
	if r.keys == nil {
		r.keys = make(map[name]Key)
	}
	r.keys[nameOf(id)] = k
	return nil
}

func samePublic(a, b Key) bool {
	public, ok := a.public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(b.public)
}

// Key returns the key of that name; the identity's Algorithm is not looked at.
func (r *Ring) Key(id tenant.Identity) (Key, bool) {
	k, found := r.keys[nameOf(id)]
	return k, found
}

// Held returns those of the identities whose key is in the ring, with the Algorithm
// of the key, RSA before Ed25519, otherwise in the order given.
func (r *Ring) Held(ids []tenant.Identity) []tenant.Identity {
	var held []tenant.Identity
	for _, algorithm := range []tenant.Algorithm{tenant.RSA, tenant.Ed25519} {
		for _, id := range ids {
			if k, found := r.Key(id); found && k.algorithm == algorithm {
				id.Algorithm = algorithm
				held = append(held, id)
			}
		}
	}
	return held
}

// Len returns the number of names in the ring.
func (r *Ring) Len() int { return len(r.keys) }
