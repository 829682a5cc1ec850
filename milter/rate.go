package milter

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// rate bounds how often strangers may do something, for each key by itself: so often in a
// row, and then again as the time passes. It keeps one instant for each slot and no keys, so
// its size is fixed whoever asks. Keys that fall into one slot share what it grants: the
// fewer grants are the worst that a full table does. It may be used by many goroutines.
type rate struct {
	most   int           // in a row
	period time.Duration // in which so many are granted
	seed   maphash.Seed  // so that nobody can choose whose slot he falls into
	origin time.Time     // long before anything is taken; with the monotonic clock, so that a jump grants and takes nothing

	mu sync.Mutex
	// until is, for each slot, when all that was taken is granted again, in nanoseconds
	// since origin: the theoretical arrival time of the generic cell rate algorithm.
	until []int64
}

// slots is the size of a table: 512 KiB.
const slots = 1 << 16

func newRate(most int, period time.Duration, slots int) *rate {
	return &rate{most: most, period: period, seed: maphash.MakeSeed(), origin: time.Now().Add(-100 * 365 * 24 * time.Hour), until: make([]int64, slots)}
}

// exceeded reports whether all is taken.
func (r *rate) exceeded(key any, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next(r.slot(key), now) > r.at(now)+int64(r.period)
}

// take takes one, and reports whether it was there to be taken.
func (r *rate) take(key any, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	slot := r.slot(key)
	next := r.next(slot, now)
	if next > r.at(now)+int64(r.period) {
		return false
	}
	r.until[slot] = next
	return true
}

func (r *rate) slot(key any) int {
	return int(maphash.Comparable(r.seed, key) % uint64(len(r.until)))
}

// at returns a time as until has it.
func (r *rate) at(now time.Time) int64 { return int64(now.Sub(r.origin)) }

// next is until when one more would count. Times without the monotonic clock may go back, which
// must not lock anybody out for longer than the period.
func (r *rate) next(slot int, now time.Time) int64 {
	at := r.at(now)
	r.until[slot] = min(max(r.until[slot], at), at+int64(r.period))
	return r.until[slot] + int64(r.period)/int64(r.most)
}

// networkOf returns what one client can be thought to have all of: its /24 or, of IPv6,
// its /56.
func networkOf(client netip.Addr) netip.Prefix {
	bits := 56
	if client.Is4() {
		bits = 24
	}
	network, _ := client.Prefix(bits) // of no address: the zero one
	return network
}

// strangers is what clients may do that are not trusted.
type strangers struct {
	// refused are recipients that do not exist, by client network; guesses are those of them,
	// all networks taken together, that may be a try at the short check codes of other SRS
	// daemons.
	refused, guesses *rate
	// letters are messages to bounce addresses that are no bounces, by mailbox and client
	// network.
	letters *rate
}

func newStrangers(l Limits) strangers {
	return strangers{
		refused: newRate(l.Refused, time.Hour, slots),
		guesses: newRate(l.Guesses, time.Hour, 1),
		letters: newRate(l.Letters, time.Hour, slots),
	}
}

// letter is what letters are counted by.
type letter struct {
	to   string // the mailbox, in lower case
	from netip.Prefix
}
