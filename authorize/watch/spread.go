package watch

import (
	"hash/fnv"
	"time"
)

// rarely is the longest interval that lookups without an answer lead to.
const rarely = time.Hour

// later doubles an interval for every lookup in a row that was without an answer, the
// first one aside, up to an hour: dead name servers take places and time from
// others.
func later(interval time.Duration, unanswered int) time.Duration {
	most := max(interval, rarely)
	for ; unanswered > 1 && interval < most; unanswered-- {
		interval *= 2
	}
	return min(interval, most)
}

// jittered returns the most that jitter makes of an interval.
func jittered(interval time.Duration) time.Duration { return interval + interval/10 }

// jitter moves an interval by up to 10 % either way, for each domain and time another.
func jitter(interval time.Duration, domain string, at time.Time) time.Duration {
	return time.Duration(float64(interval) * (0.9 + 0.2*fraction(domain, at.UnixNano())))
}

// spread returns a part of an interval that is always the same for a domain, so that
// domains which come together do not stay together.
func spread(interval time.Duration, domain string) time.Duration {
	return time.Duration(float64(interval) * fraction(domain, 0))
}

// fraction returns a number of [0, 1) that looks random and is not.
func fraction(domain string, salt int64) float64 {
	h := fnv.New64a()
	h.Write([]byte(domain))
	for range 8 {
		h.Write([]byte{byte(salt)})
		salt >>= 8
	}
	const bits = 53 // of a float64's mantissa
	x := h.Sum64()
	x ^= x >> 33 // FNV changes its high bits little by the last octets
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return float64(x>>(64-bits)) / (1 << bits)
}
