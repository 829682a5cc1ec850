package check

import (
	"encoding/json"
	"fmt"
	"os"

	"onbehalf/authorize"
	"onbehalf/tenant"
)

// Saved are observations, by the id of the tenant; empty: the platform's.
type Saved map[string]authorize.Observation

// ReadSaved reads what onbehalf check --json has printed into a file.
func ReadSaved(path string) (Saved, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var results []struct {
		Tenant      string
		Observation *authorize.Observation
	}
	if err := json.Unmarshal(text, &results); err != nil {
		return nil, fmt.Errorf("%s: not the output of onbehalf check --json: %w", path, err)
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
