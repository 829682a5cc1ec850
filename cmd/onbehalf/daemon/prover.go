package daemon

import (
	"cmp"
	"context"
	"sync"
	"time"

	"onbehalf/keys"
)

// Keys are proved beside mail, one at a time. Each takes some 0.7 ms of a processor, so that with
// its rests the prover takes an eighth of one.
const (
	proveEvery = time.Second // it is looked whether keys wait
	proveRest  = 5 * time.Millisecond
)

// backlog is the keys of a generation that wait for their proof.
type backlog struct {
	mu   sync.Mutex
	keys []keys.Key
}

// next takes a key out of the backlog.
func (b *backlog) next() (key keys.Key, found bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := len(b.keys) - 1
	if last < 0 {
		b.keys = nil
		return keys.Key{}, false
	}
	key, b.keys = b.keys[last], b.keys[:last]
	return key, true
}

// length returns how many keys wait.
func (b *backlog) length() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.keys)
}

// proveKeys proves the keys that wait for it, of whichever generation is current, until stop is
// called. Then what was found good is saved.
func (d *daemon) proveKeys() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended, signer := make(chan struct{}), d.signer // which a reload goes on with
	go func() {
		defer close(ended)
		defer d.saveChecked(signer)
		for rest(ctx, proveEvery) {
			if d.proveRound(ctx) {
				d.saveChecked(signer)
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// rest reports whether it has rested for so long; else ctx has ended.
func rest(ctx context.Context, long time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(long):
		return true
	}
}

// proveRound proves keys until none waits any more, and reports whether any did. A reload that
// takes effect meanwhile changes which: those of the generation before are let go.
func (d *daemon) proveRound(ctx context.Context) (some bool) {
	key, found := d.nextUnproved()
	if !found {
		return false
	}
	d.log.Info("new RSA keys are signed with by crypto/rsa until OpenSSL is proved with them", "keys", 1+d.unproved())
	begun, proved, failed := time.Now(), 0, 0
	var first error
	for ; found; key, found = d.nextUnproved() {
		if err := key.Prove(); err != nil {
			failed++
			first = cmp.Or(first, err)
		} else {
			proved++
		}
		if !rest(ctx, proveRest) {
			break
		}
	}
	d.logRound(proved, failed, first, time.Since(begun))
	return true
}

// logRound says what came of a round, and what failed first in it.
func (d *daemon) logRound(proved, failed int, first error, took time.Duration) {
	if failed > 0 {
		d.log.Warn("OpenSSL failed with new RSA keys, and crypto/rsa goes on to sign with them", "keys", failed, "first", first,
			"remedy", "make new keys in place of those, if it is not OpenSSL itself")
	}
	d.log.Info("OpenSSL was proved with new RSA keys", "proved", proved, "failed", failed, "waiting", d.unproved(), "duration", took.Round(time.Millisecond))
}

// nextUnproved takes a key out of the backlog of the current generation.
func (d *daemon) nextUnproved() (key keys.Key, found bool) {
	if now := d.current.Load(); now != nil {
		return now.unproved.next()
	}
	return keys.Key{}, false // mail is deferred
}

// unproved returns how many keys of the current generation wait for their proof.
func (d *daemon) unproved() int {
	if now := d.current.Load(); now != nil {
		return now.unproved.length()
	}
	return 0
}
