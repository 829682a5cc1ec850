package milter

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// frameReader reads frames from a socket. The clock is looked at, and a deadline set, only when the
// socket has to be waited for: Postfix sends a header of fifty small frames in two or three
// writes. Of a long frame what is not there yet is read straight into its place.
type frameReader struct {
	buffer *bufio.Reader
	socket *deadlines
	limits *Limits
	head   [4]byte // the length of the frame
	budget *budget
	memory func() int64 // the limit of the budget
	taken  int          // of it, for a frame longer than freeFrame
}

func newFrameReader(conn net.Conn, limits *Limits, budget *budget, memory func() int64) *frameReader {
	socket := &deadlines{conn: conn, limits: limits, wait: min(limits.Stall, limits.Idle)}
	return &frameReader{buffer: bufio.NewReaderSize(socket, maxKept), socket: socket, limits: limits, budget: budget, memory: memory}
}

// read returns the next frame, in the memory of the one before if that is large enough. Memory
// grows with what has arrived, not with what was announced.
func (f *frameReader) read(frame []byte) ([]byte, error) {
	f.socket.within = false
	head := f.head[:]
	if _, err := io.ReadFull(f.buffer, head[:1]); err != nil {
		return nil, err
	}
	f.socket.begin()
	if _, err := io.ReadFull(f.buffer, head[1:]); err != nil {
		return nil, errHalf(err)
	}
	length := binary.BigEndian.Uint32(head)
	if length == 0 || uint64(length) > uint64(f.limits.Frame) {
		return nil, fmt.Errorf("frame of %d bytes; at least 1 and at most %d are taken", length, f.limits.Frame)
	}
	frame = append(frame[:0], head...)
	if more := int(length) - freeFrame - f.taken; more > 0 {
		if !f.budget.take(more, f.memory()) {
			return nil, errMemory
		}
		f.taken += more
	}
	for missing := int(length); missing > 0; {
		frame = grow(frame, missing)
		n, err := f.buffer.Read(frame[len(frame):min(cap(frame), len(frame)+missing)])
		frame = frame[:len(frame)+n]
		missing -= n
		if err != nil && missing > 0 {
			return nil, errHalf(err)
		}
	}
	return frame, nil
}

func errHalf(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// large holds memory of long frames that no connection uses. Between messages none does.
var large sync.Pool

// grow makes room for some of the missing octets: as much as has arrived, at least.
func grow(frame []byte, missing int) []byte {
	if len(frame) < cap(frame) {
		return frame
	}
	if len(frame) >= maxKept/2 && missing > maxKept {
		if pooled, _ := large.Get().(*[]byte); pooled != nil && cap(*pooled) > len(frame) {
			return append((*pooled)[:0], frame...)
		}
	}
	return slices.Grow(frame, min(missing, max(len(frame), maxKept/2)))
}

// release frees the memory of long frames, when a message is over, and returns the last one, a
// short one, in memory of its own.
func (f *frameReader) release(frame []byte) []byte {
	f.budget.free(f.taken)
	f.taken = 0
	return release(frame)
}

func release(frame []byte) []byte {
	if cap(frame) <= maxKept || len(frame) > maxKept {
		return frame
	}
	kept := append(make([]byte, 0, maxKept), frame...)
	given := frame
	large.Put(&given)
	return kept
}

// deadlines is a socket whose reads wait as long as they may: for a frame, as long as a slow
// client may take in between; within one, once, whatever number of pieces it comes in.
type deadlines struct {
	conn   net.Conn
	limits *Limits
	wait   time.Duration // for the next frame to begin
	within bool          // of a frame
	set    bool          // the deadline of that frame
}

// negotiated makes the reader patient. Until then a peer is no mail server, or will be one at once.
func (f *frameReader) negotiated() { f.socket.wait = f.limits.Idle }

func (d *deadlines) begin() { d.within, d.set = true, false }

func (d *deadlines) Read(p []byte) (int, error) {
	switch {
	case !d.within:
		d.conn.SetReadDeadline(time.Now().Add(d.wait))
	case !d.set:
		d.conn.SetReadDeadline(time.Now().Add(d.limits.Stall))
		d.set = true
	}
	return d.conn.Read(p)
}
