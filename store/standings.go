package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"onbehalf/disk"
	"onbehalf/message"
	"onbehalf/tenant"
)

// SaveStandings writes the standings of domains, and deletes those of domains that are gone.
func SaveStandings(s Store, saved []tenant.Standing, gone []message.Domain) error {
	changes := make([]Change, 0, len(saved)+len(gone))
	for _, standing := range saved {
		text, err := json.Marshal(standing)
		if err != nil {
			return fmt.Errorf("standing of %s: %w", standing.Domain, err)
		}
		changes = append(changes, Change{Bucket: BucketStandings, Key: standing.Domain.String(), Value: text})
	}
	for _, d := range gone {
		changes = append(changes, Change{Bucket: BucketStandings, Key: d.String(), Delete: true})
	}
	if len(changes) > 0 {
		s.Write(changes...)
	}
	return nil
}

// LoadStandings returns the standings of all domains, in the order of their names. With an error,
// those that can be read.
func LoadStandings(s Store) (all []tenant.Standing, err error) {
	var failure error
	err = s.Walk(BucketStandings, Range{}, func(key string, text []byte) bool {
		standing, err := parseStanding(key, text)
		if err == nil {
			all = append(all, standing)
		} else if failure == nil {
			failure = err
		}
		return true
	})
	return all, errors.Join(err, failure)
}

func parseStanding(key string, text []byte) (standing tenant.Standing, err error) {
	err = json.Unmarshal(text, &standing)
	if err == nil && standing.Domain.String() != key {
		err = errors.New("it is of another domain")
	}
	if err != nil {
		err = fmt.Errorf("standing of %q: %w", key, err)
	}
	return standing, err
}

// ReadStandings returns the standings that a daemon has saved in a state_dir, for a command; none:
// nothing was ever saved. While a daemon runs there the error wraps ErrLocked, after a second.
func ReadStandings(dir string) (all []tenant.Standing, err error) {
	lock, err := lockState(dir, unix.LOCK_SH)
	if err == nil {
		defer lock.Close()
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	file, _, err := disk.Open(Path(dir), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		old, err := readLegacy(filepath.Join(dir, legacyName))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return old.standings, err
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Path(dir), err)
	}
	defer file.Close()
	_, err = readAll(file, func(b Bucket, key string, text []byte) error {
		if b != BucketStandings {
			return nil
		}
		standing, err := parseStanding(key, text)
		all = append(all, standing)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Path(dir), err)
	}
	return all, nil
}
