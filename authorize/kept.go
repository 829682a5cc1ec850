package authorize

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"io"
	"sync"

	"onbehalf/message"
)

// Kept are the last observations of many domains, so that who looks at one does not have to ask
// DNS while somebody waits. They lie in memory as compressed JSON: an honest one takes about 1 KB.
// What does not fit the bounds is not kept. The zero Kept is ready for use, by many goroutines.
type Kept struct {
	mu     sync.Mutex
	all    map[message.Domain][]byte
	bytes  int
	writer *flate.Writer // which is large
}

// Bounds of what is kept, in bytes.
const (
	maxKept    = 256 << 20 // in all
	maxKeptOne = 16 << 10  // of one domain
)

// Keep keeps an observation in the place of the domain's last one.
func (k *Kept) Keep(d message.Domain, o Observation) {
	text, err := json.Marshal(o)
	if err != nil { // no DNS answer makes it so
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop(d)
	packed := k.compress(text)
	if len(packed) > maxKeptOne || k.bytes+len(packed) > maxKept {
		return
	}
	if k.all == nil {
		k.all = make(map[message.Domain][]byte)
	}
	k.all[d] = packed
	k.bytes += len(packed)
}

// Drop forgets the observation of a domain.
func (k *Kept) Drop(d message.Domain) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop(d)
}

func (k *Kept) drop(d message.Domain) {
	k.bytes -= len(k.all[d])
	delete(k.all, d)
}

// Retain forgets all domains but those that are still wanted.
func (k *Kept) Retain(wanted func(message.Domain) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for d := range k.all {
		if !wanted(d) {
			k.drop(d)
		}
	}
}

// Last returns the observation of a domain that was kept last; false: there is none.
func (k *Kept) Last(d message.Domain) (o Observation, found bool) {
	k.mu.Lock()
	packed, found := k.all[d]
	k.mu.Unlock()
	if !found {
		return o, false
	}
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	return o, err == nil
}

func (k *Kept) compress(text []byte) []byte {
	var packed bytes.Buffer
	if k.writer == nil {
		k.writer, _ = flate.NewWriter(nil, flate.DefaultCompression) // a level that there is
	}
	k.writer.Reset(&packed)
	k.writer.Write(text) // a Buffer takes all
	k.writer.Close()
	return bytes.Clone(packed.Bytes())
}
