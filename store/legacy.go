package store

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

	"golang.org/x/sys/unix"

	"onbehalf/disk"
	"onbehalf/remedy"
	"onbehalf/tenant"
)

// Older versions kept standings in a text file: a head with the version, a line of JSON for each
// domain, and a foot with their number, without which the file was cut off. It is read once, and kept
// aside; after a downgrade and an upgrade it may be there again, and then counts if it is newer.

const (
	legacyName    = "standings.jsonl"
	legacyFormat  = "onbehalf standings"
	legacyVersion = 1
)

// Bounds of the file, in bytes: a million domains, of 1 KiB each, and a line with many keys.
const (
	maxLegacy = 2 << 30
	maxLine   = 1 << 20
)

// legacy is what such a file holds.
type legacy struct {
	standings []tenant.Standing
	times     Times
}

type legacyHead struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Times
}

type legacyFoot struct {
	Domains *int `json:"domains"`
}

// readOld returns what an older version has left; nil: nothing. A file that is damaged is set aside.
func (f *File) readOld() (*legacy, error) {
	path := filepath.Join(f.Dir, legacyName)
	old, err := readLegacy(path)
	switch {
	case err == nil:
		return &old, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, errDamaged):
		return nil, f.setAside(path, err)
	case unix.Access(f.Dir, unix.X_OK) != nil:
		return nil, nil // the folder cannot be entered, which is said of the state itself
	}
	return nil, left(path, err)
}

// takeOver writes what an older version knew, and keeps its file aside.
func (f *File) takeOver(old legacy) {
	path := filepath.Join(f.Dir, legacyName)
	if old.times.Written.After(LoadTimes(f).Written) {
		SaveTimes(f, old.times)
		if err := SaveStandings(f, old.standings, nil); err != nil {
			f.Log.Error("a standing cannot be taken over", "error", err)
		}
	}
	if f.save() != nil {
		return // it is there at the next start
	}
	if err := os.Rename(path, path+".migrated"); err != nil {
		f.Log.Warn("the file of an older version cannot be put aside", "file", path, "error", err)
		return
	}
	f.Log.Info("standings of an older version are taken over", "domains", len(old.standings), "kept", path+".migrated")
}

// readLegacy reads a file whole.
func readLegacy(path string) (old legacy, err error) {
	file, _, err := disk.Open(path, maxLegacy)
	switch {
	case errors.Is(err, disk.ErrKind), errors.Is(err, disk.ErrLarge):
		cause, _ := remedy.Of(err, "")
		return old, damage{errors.New("it " + cause)}
	case err != nil:
		return old, err
	}
	defer file.Close()
	old, err = parseLegacy(file)
	if failed := new(fs.PathError); err != nil && !errors.As(err, &failed) {
		err = damage{err}
	}
	if err != nil {
		return legacy{}, err
	}
	return old, nil
}

// newLines reads a line at a time, so that a file which is none of ours ends with its first.
func newLines(r io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	return lines
}

func readHead(lines *bufio.Scanner) (head legacyHead, err error) {
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &head) != nil || head.Format != legacyFormat {
		if err := lines.Err(); errors.As(err, new(*fs.PathError)) {
			return head, err
		}
		return head, errors.New("it does not hold standings")
	}
	if head.Version != legacyVersion {
		return head, fmt.Errorf("it is of version %d, and this program reads version %d", head.Version, legacyVersion)
	}
	return head, nil
}

func parseLegacy(r io.Reader) (old legacy, err error) {
	lines := newLines(r)
	head, err := readHead(lines)
	if err != nil {
		return old, err
	}
	old.times = head.Times
	for lines.Scan() {
		var line struct {
			tenant.Standing
			legacyFoot
		}
		switch err := json.Unmarshal(lines.Bytes(), &line); {
		case err != nil:
			return old, fmt.Errorf("it is cut off or damaged after %d domains: %w", len(old.standings), err)
		case line.Domains == nil && line.Domain.IsZero():
			return old, fmt.Errorf("it is damaged after %d domains: a line is not about any", len(old.standings))
		case line.Domains == nil:
			old.standings = append(old.standings, line.Standing)
		case *line.Domains != len(old.standings):
			return old, fmt.Errorf("it should hold %d domains and holds %d", *line.Domains, len(old.standings))
		case lines.Scan():
			return old, errors.New("it continues after its end")
		default:
			return old, lines.Err()
		}
	}
	return old, fmt.Errorf("it is cut off or damaged after %d domains: %w", len(old.standings), cmp.Or(lines.Err(), io.ErrUnexpectedEOF))
}
