package keys

import (
	"fmt"
	"strings"
	"testing"

	"onbehalf/tenant"
)

func TestRing(t *testing.T) {
	r, rsa, ed := testRing(t)
	if r.Len() != 2 || new(Ring).Len() != 0 {
		t.Errorf("ring holds %d keys", r.Len())
	}
	if k, found := r.Key(ed); !found || !samePublic(k, edKey()) {
		t.Errorf("%v, %t", k, found)
	}
	upper := rsa
	upper.Selector = "R1"
	if _, found := r.Key(upper); !found {
		t.Error("the case of a selector should not matter")
	}
	for _, other := range []tenant.Identity{identity(t, "r1", "other.example"), identity(t, "r2", "tenant.example"), {}} {
		if k, found := r.Key(other); found || !k.IsZero() {
			t.Errorf("%s is there", other)
		}
	}
}

func TestRingHeld(t *testing.T) {
	r, rsa, ed := testRing(t)
	rsa2, none := identity(t, "r2", "tenant.example"), identity(t, "gone", "tenant.example")
	add(t, r, rsa2, rsaKey())
	held := fmt.Sprint(r.Held([]tenant.Identity{none, ed, rsa2, rsa}))
	rsa2.Algorithm, rsa.Algorithm, ed.Algorithm = tenant.RSA, tenant.RSA, tenant.Ed25519
	if want := fmt.Sprint([]tenant.Identity{rsa2, rsa, ed}); held != want {
		t.Errorf("held %s, want %s", held, want)
	}
	if held := r.Held([]tenant.Identity{ed}); held[0].Algorithm != tenant.Ed25519 {
		t.Errorf("algorithm is %q", held[0].Algorithm)
	}
	if held := r.Held([]tenant.Identity{none}); len(held) != 0 {
		t.Errorf("held %v", held)
	}
}

func TestRingAddRefuses(t *testing.T) {
	r, rsa, _ := testRing(t)
	must(t, r.Add(rsa, rsaKey())) // the same again does no harm
	for want, add := range map[string]struct {
		id  tenant.Identity
		key Key
	}{
		"r1._domainkey.tenant.example: no key": {rsa, Key{}},
		`selector "r1": no domain to sign as`:  {tenant.Identity{Selector: "r1"}, edKey()},
		`selector "a;l=0" of tenant.example is not made of letters, digits and inner hyphens; choose one like cw1`: {identity(t, "a;l=0", "tenant.example"), edKey()},
		"r1._domainkey.tenant.example names two different keys; give one of them another selector":                 {rsa, edKey()},
	} {
		if err := r.Add(add.id, add.key); err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
	label := strings.Repeat("a", 60)
	long := identity(t, label+"."+label, strings.Join([]string{label, label, "example"}, "."))
	if err := r.Add(long, edKey()); err == nil || !strings.HasSuffix(err.Error(), "choose a shorter selector") {
		t.Errorf("error is %v", err)
	}
	if r.Len() != 2 {
		t.Errorf("ring holds %d keys", r.Len())
	}
}
