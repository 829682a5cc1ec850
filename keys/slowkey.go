package keys

import (
	"crypto/rsa"
	"math/big"
	"runtime"
	"sync"
)

// slowKey is a key in the hands of crypto/rsa. It is read when it is first signed with, stays until
// it is let go, and is overwritten when nothing uses it any more. Let go, it may be taken again.
type slowKey struct {
	read func() (*rsa.PrivateKey, error)

	mu   sync.Mutex
	kept *rsa.PrivateKey
}

// take returns the key, which the caller must keep alive while it signs.
func (s *slowKey) take() (*rsa.PrivateKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept != nil {
		return s.kept, nil
	}
	private, err := s.read()
	if err != nil {
		return nil, err
	}
	runtime.AddCleanup(private, overwrite, secretsOf(private))
	s.kept = private
	return private, nil
}

// letGo keeps the key no more. Signatures that are being made with it are not disturbed.
func (s *slowKey) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = nil
}

// wipe overwrites a private key that was only needed for a moment. What crypto/rsa keeps beside
// it cannot be reached.
func wipe(private *rsa.PrivateKey) { overwrite(secretsOf(private)) }

func secretsOf(private *rsa.PrivateKey) []*big.Int {
	return append([]*big.Int{private.D, private.Precomputed.Dp, private.Precomputed.Dq, private.Precomputed.Qinv}, private.Primes...)
}

func overwrite(numbers []*big.Int) {
	for _, n := range numbers {
		if n != nil {
			clear(n.Bits())
			n.SetInt64(0)
		}
	}
}
