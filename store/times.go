package store

import (
	"encoding/json"
	"time"
)

// Times are what time it was by the clocks of a host whose clock may have jumped (package clock).
type Times struct {
	Written time.Time   `json:"written"`           // by the system's clock
	Besides []time.Time `json:"besides,omitempty"` // by the others
}

const timesKey = "last"

// SaveTimes keeps them for the next start.
func SaveTimes(s Store, t Times) {
	if text, err := json.Marshal(t); err == nil { // a time of a year beyond 9999 cannot be written
		s.Write(Change{Bucket: BucketTimes, Key: timesKey, Value: text})
	}
}

// LoadTimes returns what was saved last; zero: nothing was.
func LoadTimes(s Store) Times {
	var t Times
	text, found, err := s.Get(BucketTimes, timesKey)
	if err != nil || !found || json.Unmarshal(text, &t) != nil {
		return Times{}
	}
	return t
}
