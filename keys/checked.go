package keys

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"onbehalf/disk"
)

// Checked remembers which files held a good RSA key, by a digest of what is in them and of what
// checked it, so that a start or reload with thousands of keys checks only new ones. Only what
// was looked for or added stays. The nil Checked remembers nothing. It may be used by
// many goroutines.
type Checked struct {
	mu          sync.Mutex
	before, now map[digest]bool
}

// maxChecked bounds the file of a Checked, in bytes: a million keys, of a line each.
const maxChecked = 64 << 20

type digest [sha256.Size]byte

// digestOf names the content of a key file and what checks it: another version of OpenSSL
// checks again. The content is random enough that its digest reveals nothing.
func digestOf(text []byte, engine *Engine) digest {
	h := sha256.New()
	h.Write([]byte("1\x00" + engine.version() + "\x00"))
	h.Write(text)
	return digest(h.Sum(nil))
}

// ReadChecked reads what Save wrote. Without a file nothing is known, and lines that are no
// digests are ignored.
func ReadChecked(path string) (*Checked, error) {
	c := &Checked{before: make(map[digest]bool), now: make(map[digest]bool)}
	text, err := disk.Read(path, maxChecked)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var d digest
		if n, err := hex.Decode(d[:], lines.Bytes()[:min(len(lines.Bytes()), 2*len(d))]); err == nil && n == len(d) {
			c.before[d] = true
		}
	}
	return c, err
}

// Save writes what was looked for or added since ReadChecked, unless that changes nothing. The
// old file stays until the new one is whole.
func (c *Checked) Save(path string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if maps.Equal(c.before, c.now) {
		return nil
	}
	var text bytes.Buffer
	for _, d := range slices.SortedFunc(maps.Keys(c.now), func(a, b digest) int { return bytes.Compare(a[:], b[:]) }) {
		text.WriteString(hex.EncodeToString(d[:]) + "\n")
	}
	err := disk.Replace(path, 0o600, func(w io.Writer) error {
		_, err := text.WriteTo(w)
		return err
	})
	if err != nil {
		return err
	}
	c.before = maps.Clone(c.now)
	return nil
}

func (c *Checked) has(d digest) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.before[d] && !c.now[d] {
		return false
	}
	c.now[d] = true
	return true
}

func (c *Checked) add(d digest) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now[d] = true
}
