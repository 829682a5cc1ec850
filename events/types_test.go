package events

import (
	"encoding/json"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// one returns an event of each type, with all that it may have.
func one(at time.Time) []Event {
	return []Event{
		NewTenantMoved(at, "t", "d", "b", "a", "why", true), NewTenantReconfigured(at, "t", "d", "b", "a", true),
		NewTenantWarning(at, "t", "d", "spf", "b", "a", at, "why"), NewPlatformWarning(at, "d", "spf", "b", "a", "why"),
		NewReceiversDisagree(at, "t", "d", "Gmail", "finding", "fix"), NewOwnershipLost(at, "t", "d", "why"),
		NewForbidden(at, "t", "of", "192.0.2.1", "login"), NewRecipientsRefused(at, netip.MustParsePrefix("192.0.2.0/24")),
		NewReloadRefused(at, "why"), NewKeyUnreadable(at, "t", "/path", "why", "fix"), NewOutageBegan(at, at, "d", "fix"), NewOutageEnded(at, at),
		NewStoreFailed(at, at, "why", "fix"), NewStoreRecovered(at, at), NewLimitNear(at, "limit", 81, 100, "fix"), NewTest(at),
	}
}

// TestTypes: each type has the fields that the table and docs/events.md say, neither more nor fewer;
// and all that somebody must act on says what to do.
func TestTypes(t *testing.T) {
	docs, err := os.ReadFile("../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[Type][]string)
	for line := range strings.Lines(string(docs)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if name, found := strings.CutPrefix(cells[0], "| `"); found && len(cells) == 3 {
			fields := strings.NewReplacer("`", "", " |", "", " ", "").Replace(cells[2])
			documented[Type(strings.TrimSuffix(name, "`"))] = strings.Split(fields, ",")
		}
	}
	listed := make(map[Type][]string)
	for _, one := range Types {
		listed[one.Type] = one.Fields
		if !slices.Equal(documented[one.Type], one.Fields) {
			t.Errorf("docs/events.md has for %s the fields %q, and the code %q", one.Type, documented[one.Type], one.Fields)
		}
	}
	for name := range documented {
		if listed[name] == nil {
			t.Errorf("docs/events.md has %s, which the code does not know", name)
		}
	}
	seen := make(map[Type]bool)
	for _, e := range one(time.Now()) {
		seen[e.Type] = true
		body, err := e.body()
		var said struct {
			ID, Timestamp, Severity string
			Data                    map[string]any
		}
		if err != nil || json.Unmarshal(body, &said) != nil || said.ID == "" || said.Timestamp == "" || said.Severity == "" {
			t.Errorf("%v: %s", err, body)
		}
		if got, want := slices.Sorted(maps.Keys(said.Data)), slices.Sorted(slices.Values(listed[e.Type])); !slices.Equal(got, want) {
			t.Errorf("%s says %q, and the table has %q", e.Type, got, want)
		}
		if e.Severity != Info && e.Data.Fix == "" {
			t.Errorf("%s does not say what to do", e.Type)
		}
	}
	if len(seen) != len(Types) {
		t.Errorf("%d types are made, and the table has %d", len(seen), len(Types))
	}
}
