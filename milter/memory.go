package milter

import (
	"cmp"
	"errors"
	"sync/atomic"
)

// budget is the memory that messages of all connections may hold together, beside what
// each connection has anyway. What is kept as a value costs more than its octets, so the
// costs below are counted. It may be used by many goroutines.
type budget struct{ held atomic.Int64 }

// What things cost besides their octets, in octets: headers of strings, a list that has grown
// to twice its size, the memory allocator's rounding, and what deciding makes of each.
const (
	costMessage   = 8 << 10
	costField     = 150
	costRecipient = 250
	costExchange  = 600 // of a recipient of ours, whose exchange is made at the end
)

// freeFrame is how much memory a frame may have that is not counted: as much as Postfix sends of
// a body at a time.
const freeFrame = 64<<10 + 64

var errMemory = errors.New("the memory for messages is used up (limits.memory)")

// take reports whether there was as much left, and takes it.
func (b *budget) take(n int, limit int64) bool {
	if b.held.Add(int64(n)) > limit {
		b.held.Add(-int64(n))
		return false
	}
	return true
}

func (b *budget) free(n int) { b.held.Add(-int64(n)) }

// hold takes memory for something that the message keeps. When there is none, the message
// frees all that it has, and is deferred.
func (t *transaction) hold(n int) bool {
	if t.short {
		return false
	}
	if t.server.budget.take(n, memoryOf(t.source)) {
		t.held += n
		return true
	}
	t.short, t.problem = true, errMemory
	t.message.Header, t.message.Envelope.ForwardPaths = nil, nil
	t.release()
	return false
}

// Memory returns what messages under way hold together, and what they may, in octets.
func (s *Server) Memory() (held, limit int64) {
	limit = DefaultMemory
	if now := s.Current(); now != nil {
		limit = memoryOf(now)
	}
	return s.budget.held.Load(), limit
}

// release returns what the message holds to the budget.
func (t *transaction) release() {
	t.server.budget.free(t.held)
	t.held = 0
}

// memoryOf returns the limit of the budget.
func memoryOf(s Source) int64 { return cmp.Or(s.MessageMemory(), DefaultMemory) }

// DefaultMemory is the budget for messages of all connections, in octets, where a Source has none.
const DefaultMemory = 512 << 20
