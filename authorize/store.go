package authorize

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"onbehalf/disk"
	"onbehalf/tenant"
)

// Store is the file that carries standings over a restart. It is lines of JSON: a
// head with the version, a line for each domain, and a foot with their number,
// without which the file was cut off.
type Store struct {
	Path string
	// Besides returns what time it may be besides, on a host whose clock has jumped: it is kept
	// for the next start. Nil: no other.
	Besides func() []time.Time
}

// StoreIn returns the store in a state_dir.
func StoreIn(dir string) Store { return Store{Path: filepath.Join(dir, "standings.jsonl")} }

const (
	storeFormat  = "onbehalf standings"
	storeVersion = 1
	storeMode    = 0o640
)

type storeHead struct {
	Format  string      `json:"format"`
	Version int         `json:"version"`
	Written time.Time   `json:"written"`
	Besides []time.Time `json:"besides,omitempty"`
}

type storeFoot struct {
	Domains *int `json:"domains"`
}

// ErrNoStore is what Load returns when nothing was ever saved.
var ErrNoStore = fs.ErrNotExist

// ErrDamaged is what Load returns when there is a file, and it is not what Save left: cut off, not
// ours, or of another version. Any other error says nothing about the file.
var ErrDamaged = errors.New("standings cannot be used")

// Bounds of the file, in bytes: a million domains, of 1 KiB each, and a line with many keys.
const (
	maxStore = 2 << 30
	maxLine  = 1 << 20
)

// Load returns what was saved, and when.
func (s Store) Load() ([]tenant.Standing, time.Time, error) {
	file, _, err := disk.Open(s.Path, maxStore)
	switch {
	case errors.Is(err, disk.ErrKind), errors.Is(err, disk.ErrLarge):
		return nil, time.Time{}, s.damaged(err)
	case err != nil:
		return nil, time.Time{}, err
	}
	defer file.Close()
	all, head, err := readStore(newLines(file))
	if failed := new(fs.PathError); errors.As(err, &failed) {
		return nil, time.Time{}, err // of reading, not of what was read
	}
	if err != nil {
		return nil, time.Time{}, s.damaged(err)
	}
	return all, head.Written, nil
}

func (s Store) damaged(err error) error {
	return fmt.Errorf("%w: %s: %w", ErrDamaged, s.Path, err)
}

// Times returns when standings were saved last, by the system's clock and by the others that
// Besides returned; zero: not known.
func (s Store) Times() (written time.Time, besides []time.Time) {
	file, _, err := disk.Open(s.Path, maxStore)
	if err != nil {
		return time.Time{}, nil
	}
	defer file.Close()
	head, err := readHead(newLines(file))
	if err != nil {
		return time.Time{}, nil
	}
	return head.Written, head.Besides
}

// newLines reads a line at a time, so that a file which is none of ours ends with its first.
func newLines(r io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	return lines
}

func readHead(lines *bufio.Scanner) (head storeHead, err error) {
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &head) != nil || head.Format != storeFormat {
		if err := lines.Err(); errors.As(err, new(*fs.PathError)) {
			return head, err
		}
		return head, errors.New("it does not hold standings")
	}
	if head.Version != storeVersion {
		return head, fmt.Errorf("it is of version %d, and this program reads version %d", head.Version, storeVersion)
	}
	return head, nil
}

func readStore(lines *bufio.Scanner) ([]tenant.Standing, storeHead, error) {
	head, err := readHead(lines)
	if err != nil {
		return nil, head, err
	}
	var all []tenant.Standing
	for lines.Scan() {
		var line struct {
			tenant.Standing
			storeFoot
		}
		switch err := json.Unmarshal(lines.Bytes(), &line); {
		case err != nil:
			return nil, head, fmt.Errorf("it is cut off or damaged after %d domains: %w", len(all), err)
		case line.Domains == nil && line.Domain.IsZero():
			return nil, head, fmt.Errorf("it is damaged after %d domains: a line is not about any", len(all))
		case line.Domains == nil:
			all = append(all, line.Standing)
		case *line.Domains != len(all):
			return nil, head, fmt.Errorf("it should hold %d domains and holds %d", *line.Domains, len(all))
		case lines.Scan():
			return nil, head, errors.New("it continues after its end")
		default:
			return all, head, lines.Err()
		}
	}
	return nil, head, fmt.Errorf("it is cut off or damaged after %d domains: %w", len(all), cmp.Or(lines.Err(), io.ErrUnexpectedEOF))
}

// SetAside renames a damaged file, so that someone can look at it, and returns its
// new name.
func (s Store) SetAside() (string, error) {
	aside := s.Path + ".damaged"
	return aside, os.Rename(s.Path, aside)
}

// Lock keeps other daemons from the store until the file that it returns is closed. It
// fails when one has it, and when the folder cannot be written to.
func (s Store) Lock() (*os.File, error) {
	file, err := os.OpenFile(s.Path+".lock", os.O_CREATE|os.O_RDWR|unix.O_NONBLOCK, storeMode)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return file, nil
}

// Save puts the standings in the place of the old ones: a crash leaves the one or the other.
func (s Store) Save(all []tenant.Standing) error {
	return disk.Replace(s.Path, storeMode, func(w io.Writer) error { return s.write(w, all) })
}

func (s Store) write(w io.Writer, all []tenant.Standing) error {
	head := storeHead{Format: storeFormat, Version: storeVersion, Written: time.Now()}
	if s.Besides != nil {
		head.Besides = s.Besides()
	}
	buffer := bufio.NewWriterSize(w, 1<<16)
	encoder := json.NewEncoder(buffer)
	if err := encoder.Encode(head); err != nil {
		return err
	}
	for _, s := range all {
		if err := encoder.Encode(s); err != nil {
			return err
		}
	}
	count := len(all)
	if err := encoder.Encode(storeFoot{&count}); err != nil {
		return err
	}
	return buffer.Flush()
}
