package authorize

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"onbehalf/tenant"
)

// Store is the file that carries standings over a restart. It is lines of JSON: a
// head with the version, a line for each domain, and a foot with their number,
// without which the file was cut off.
type Store struct{ Path string }

// StoreIn gives the store in a state_dir.
func StoreIn(dir string) Store { return Store{filepath.Join(dir, "standings.jsonl")} }

const (
	storeFormat  = "onbehalf standings"
	storeVersion = 1
	storeMode    = 0o640
)

type storeHead struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Written time.Time `json:"written"`
}

type storeFoot struct {
	Domains *int `json:"domains"`
}

// ErrNoStore is what Load gives when nothing was ever saved.
var ErrNoStore = fs.ErrNotExist

// ErrDamaged is what Load gives when there is a file, and it is not what Save left: cut off,
// not ours, or of another version. Any other error says nothing about the file.
var ErrDamaged = errors.New("standings cannot be used")

// Load gives what was saved, and when.
func (s Store) Load() ([]tenant.Standing, time.Time, error) {
	file, err := os.Open(s.Path)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer file.Close()
	all, head, err := readStore(file)
	if failed := new(fs.PathError); errors.As(err, &failed) {
		return nil, time.Time{}, err // of reading, not of what was read
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("%w: %s: %w", ErrDamaged, s.Path, err)
	}
	return all, head.Written, nil
}

func readStore(r io.Reader) ([]tenant.Standing, storeHead, error) {
	decoder := json.NewDecoder(bufio.NewReaderSize(r, 1<<16))
	var head storeHead
	switch err := decoder.Decode(&head); {
	case errors.As(err, new(*fs.PathError)):
		return nil, head, err
	case err != nil, head.Format != storeFormat:
		return nil, head, errors.New("it does not hold standings")
	}
	if head.Version != storeVersion {
		return nil, head, fmt.Errorf("it is of version %d, and this program reads version %d", head.Version, storeVersion)
	}
	var all []tenant.Standing
	for {
		var line struct {
			tenant.Standing
			storeFoot
		}
		switch err := decoder.Decode(&line); {
		case err != nil:
			return nil, head, fmt.Errorf("it is cut off or damaged after %d domains: %w", len(all), err)
		case line.Domains == nil && line.Domain.IsZero():
			return nil, head, fmt.Errorf("it is damaged after %d domains: a line is not about any", len(all))
		case line.Domains == nil:
			all = append(all, line.Standing)
		case *line.Domains != len(all):
			return nil, head, fmt.Errorf("it should hold %d domains and holds %d", *line.Domains, len(all))
		case decoder.Decode(new(json.RawMessage)) != io.EOF:
			return nil, head, errors.New("it goes on behind its end")
		default:
			return all, head, nil
		}
	}
}

// SetAside renames a damaged file, so that someone can look at it, and gives its new
// name.
func (s Store) SetAside() (string, error) {
	aside := s.Path + ".damaged"
	return aside, os.Rename(s.Path, aside)
}

// Lock keeps other daemons from the store until the file it gives is closed. It fails
// when one has it, and when the folder cannot be written to.
func (s Store) Lock() (*os.File, error) {
	file, err := os.OpenFile(s.Path+".lock", os.O_CREATE|os.O_RDWR, storeMode)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", file.Name(), err)
	}
	return file, nil
}

// Save writes the standings to a new file, to the disk, and puts it in the place of
// the old one: a crash leaves the one or the other. The new file that a crash left
// behind goes with the next Save.
func (s Store) Save(all []tenant.Standing) (err error) {
	file, err := createAnew(s.Path + ".new")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(file.Name())
		}
	}()
	if err := file.Chmod(storeMode); err != nil { // whatever the umask is
		return err
	}
	if err := writeStore(file, all); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), s.Path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(s.Path))
}

// createAnew makes a file that nobody had before, whatever there was by that name.
func createAnew(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, storeMode)
}

func writeStore(w io.Writer, all []tenant.Standing) error {
	buffer := bufio.NewWriterSize(w, 1<<16)
	encoder := json.NewEncoder(buffer)
	if err := encoder.Encode(storeHead{storeFormat, storeVersion, time.Now()}); err != nil {
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

// syncFolder makes a rename last.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
