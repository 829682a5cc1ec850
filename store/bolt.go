package store

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"

	"onbehalf/disk"
)

// errBroken is wrapped by what contain has caught: bbolt has found that the file is not what it
// wrote, after verify had found it whole.
var errBroken = errors.New("the file has been damaged while it was in use")

// contain ends panics of bbolt, and faults at memory behind which the file has gone (somebody has
// truncated it, or the disk fails).
func contain(work func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%w: %v", errBroken, fault)
		}
	}()
	return work()
}

// openBolt opens a file that verify has found whole, or that is to be made.
func openBolt(path string, readOnly bool) (db *bolt.DB, err error) {
	err = contain(func() error {
		db, err = bolt.Open(path, fileMode, &bolt.Options{
			Timeout: lockTime, PageSize: pageSize, FreelistType: bolt.FreelistMapType, NoStatistics: true, ReadOnly: readOnly,
		})
		return err
	})
	return db, plain(err)
}

// closeBolt closes a file. One that is damaged may be left with a lock of bbolt's that is never
// opened again: it is not waited for.
func closeBolt(db *bolt.DB) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		contain(db.Close)
	}()
	select {
	case <-closed:
	case <-time.After(lockTime):
	}
}

// fillPages is how full pages are made that are written in order, as most are: bbolt's half is for
// keys that come in any order.
const fillPages = 0.85

// put makes changes in one transaction.
func put(db *bolt.DB, changes pending) error {
	return plain(contain(func() error {
		return db.Update(func(tx *bolt.Tx) error {
			for name, all := range changes.sorted {
				bucket, err := tx.CreateBucketIfNotExists([]byte(name))
				if err != nil {
					return err
				}
				bucket.FillPercent = fillPages
				if err := putAll(bucket, all); err != nil {
					return err
				}
			}
			return nil
		})
	}))
}

func putAll(bucket *bolt.Bucket, all *tree) (err error) {
	all.Ascend(func(c Change) bool {
		if c.Delete {
			err = bucket.Delete([]byte(c.Key))
		} else {
			err = bucket.Put([]byte(c.Key), seal(c.Key, c.Value))
		}
		return err == nil
	})
	return err
}

// plain returns an error of the system in the words of package disk.
func plain(err error) error {
	if failed := new(fs.PathError); errors.As(err, &failed) && failed.Op == "open" {
		return disk.Explain(failed.Path, err)
	}
	return err
}
