// Package store keeps what the daemon knows beyond a restart: standings, history, and what else has
// a bucket of its own.
//
// Store is the interface, and File the implementation for one host: one file of bbolt in state_dir.
//
//	store.go      Store, and the contract that each implementation holds
//	file.go       File: batches, and the one goroutine that writes them
//	pending.go    what waits for the next batch
//	read.go       what is saved and what waits, as one; overlay.go: the latter
//	open.go       from what lies in state_dir to an open file, or to the reason why not
//	compact.go    a file that takes much more room than it needs is written again
//	lock.go       one daemon for a state_dir; who has it
//	bolt.go       bbolt, whose panics end here
//	verify.go     a file is read as a whole before bbolt maps it into memory
//	value.go      values have a checksum
//	standings.go  the standings of domains
//	times.go      what time it may be
//	legacy.go     standings.jsonl of older versions
//	history.go    what happened
package store

import "time"

// Store is a map of keys to values, in buckets, that outlasts the process. Another implementation
// may stand behind it, so this page is all that a caller may rely on.
//
// Keys and values. A key is 1 to 4,096 bytes and a value at most 16 MiB, of any content. A value may
// be empty, which is not the same as none. Buckets are made by the first write to them. The keys of
// a bucket are ordered as bytes are; callers that append choose keys that ascend.
//
// Writing. Write returns at once, without waiting for a disk or a network, so that it may be called
// where a message waits. It fails only by a change that no store would take, which is a mistake in the
// program, and is dropped, counted and logged. The changes of one Write take effect together or, when
// the host dies, not at all. Writes take effect in the order of the calls; when several change one
// key before they are saved, the last one counts, and the others need never have been saved.
//
// Durability. What is written is saved within about a second, in one transaction with all else that
// waits. Sync saves all that was written before it was called, and returns nil when that is on the
// disk. Close does the same. A process that is killed, or a host that loses power, loses at most the
// writes of the last second; what is left is the state between two Writes, never half of one.
//
// Reading. Get and Walk show all writes that returned before they were called, saved or not. Walk
// shows the bucket as it is at one instant; writes that come later do not disturb it. While a walk is
// under way, its function may call Write, but not Sync, Close, Get or Walk, and it must not wait:
// nothing can be saved meanwhile. Key and value are valid until it returns.
//
// Errors. When writes cannot be saved (the disk is full, say) they wait in memory, and are tried
// again each second: Health says so, and nothing else fails. What waits is bounded; beyond that, whole
// Writes are dropped, and Health counts them. Get and Walk fail when what was saved cannot be read
// any more. An implementation that finds what it saved to be damaged puts it aside, goes on empty,
// and calls for all that its caller still knows (SetRefill of File).
//
// Concurrency. All methods may be called by many goroutines. One process at a time has a Store open;
// where several want to, the implementation decides which, and the others are refused at open.
type Store interface {
	// Write queues changes that take effect together.
	Write(changes ...Change)
	// Get returns the value of a key; false: it has none.
	Get(b Bucket, key string) (value []byte, found bool, err error)
	// Walk calls yield for each key within the range, in order, until it returns false.
	Walk(b Bucket, r Range, yield func(key string, value []byte) bool) error
	// Sync saves what waits. The error says why it is not saved; it still waits then.
	Sync() error
	// Health says how saving goes. It waits for nothing.
	Health() Health
	// Close saves what waits, and ends the use of the store. Writes after it are lost.
	Close() error
}

// Bucket is a name for keys that belong together.
type Bucket string

// The buckets in use. Each has one owner, who alone knows its keys and values.
const (
	BucketStandings Bucket = "standings"         // standings.go: by domain
	BucketTimes     Bucket = "times"             // times.go
	BucketHistory   Bucket = "history"           // history.go: by time
	BucketByTenant  Bucket = "history by tenant" // history.go: an index of that
	BucketProfiles  Bucket = "profiles"          // what a tenant's configuration was, by id
	BucketCounters  Bucket = "counters"          // package counters: by day and tenant
	BucketMarks     Bucket = "marks"             // what has happened once, by kind and tenant

	BucketEvents     Bucket = "events"            // package events: by number
	BucketDeliveries Bucket = "events to deliver" // package events: by sink and number
)

// Change is one key's new value.
type Change struct {
	Bucket Bucket
	Key    string
	Value  []byte // it belongs to the store from now on
	Delete bool   // the key has no value from now on; that it has none already is no error
}

// Range bounds a Walk. The zero Range is the whole bucket, in ascending order.
type Range struct {
	From    string // the first key; empty: from the beginning
	To      string // the first key that is no longer within; empty: to the end
	Reverse bool   // in descending order
}

// Health is how saving goes. The zero Health is that of a store in which all is saved.
type Health struct {
	Problem error     // why nothing is saved, perhaps a *remedy.Error; nil: it is
	Since   time.Time // when that was noticed
	Waiting int       // changes that are not saved yet
	Dropped int64     // since the start: changes that there was no room for
	Saved   int64     // since the start: batches of changes that were saved
	Failed  int64     // since the start: tries to save that failed
	Held    int64     // bytes of memory that the changes need which are not saved yet
	Limit   int64     // of those; 0: there is none
}
