package check

import (
	"encoding/json"
	"errors"
	"fmt"

	"onbehalf/authorize"
	"onbehalf/disk"
	"onbehalf/tenant"
)

// Saved are observations, by the id of the tenant; empty: the platform's.
type Saved map[string]authorize.Observation

// maxSaved bounds a file of observations: a tenant takes some kilobytes.
const maxSaved = 256 << 20

// ReadSaved reads what onbehalf check --json has printed into a file.
func ReadSaved(path string) (Saved, error) {
	text, err := disk.Read(path, maxSaved)
	if err != nil {
		return nil, err
	}
	var results []struct {
		Tenant      string
		Observation *authorize.Observation
	}
	switch err := json.Unmarshal(text, &results); {
	case errors.As(err, new(*json.UnmarshalTypeError)), errors.As(err, new(*json.SyntaxError)): // whose texts speak of Go
		return nil, fmt.Errorf("%s is not the output of check --json", path)
	case err != nil:
		return nil, fmt.Errorf("%s is not the output of check --json: %w", path, err)
	}
	saved := make(Saved)
	for _, r := range results {
		if r.Observation == nil {
			return nil, fmt.Errorf("%s: contains no observation: an older version wrote it, or it is truncated", path)
		}
		saved[r.Tenant] = *r.Observation
	}
	return saved, nil
}

// Of returns the observation of a tenant; nil: the platform's.
func (s Saved) Of(t *tenant.Tenant) (o authorize.Observation, found bool) {
	id := ""
	if t != nil {
		id = t.ID
	}
	o, found = s[id]
	return o, found
}
