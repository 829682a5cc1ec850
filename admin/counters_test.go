package admin_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"onbehalf/admin"
	"onbehalf/counters"
	"onbehalf/tenant"
)

// countersOf is what was counted in these tests: each name tells.
func countersOf(id string) (admin.Counters, error) {
	if id == "unreadable" {
		return admin.Counters{}, errors.New("a checksum is wrong")
	}
	return admin.Counters{Days: []counters.Day{{Date: "2026-11-23", Returned: map[counters.Class]int64{counters.Class(id): 1}}}}, nil
}

// TestCounters: a tenant goes by its names, what is no tenant's by the words for that, and others
// are not found. One that cannot be read leaves the rest of its tenant's document.
func TestCounters(t *testing.T) {
	d := newDesk(t, []*tenant.Tenant{customer(t, "one", "one.example"), customer(t, "unreadable", "two.example")})
	for called, id := range map[string]string{"one": "one", "a@one.example": "one", "(platform)": counters.Platform, "(unknown)": counters.Unknown} {
		var doc admin.Counters
		d.ask(t, "/counters/"+called, &doc)
		if len(doc.Days) != 1 || doc.Days[0].Returned[counters.Class(id)] != 1 {
			t.Errorf("%s: %+v", called, doc)
		}
	}
	for called, want := range map[string]string{"nosuch": "there is no tenant", "unreadable": "counters of unreadable: a checksum is wrong"} {
		answer := get(d.handler(), http.MethodGet, "/counters/"+called, "", "unix")
		if answer.Code/100 == 2 || !strings.Contains(answer.Body.String(), want) {
			t.Errorf("%s: %d %s", called, answer.Code, answer.Body)
		}
	}
	var doc admin.Tenant
	d.ask(t, "/tenants/unreadable", &doc)
	if doc.Counters.Error != "a checksum is wrong" || len(doc.Domains) != 1 {
		t.Errorf("%+v", doc)
	}
	d.ask(t, "/tenants/one.example", &doc)
	if len(doc.Counters.Days) != 1 {
		t.Errorf("%+v", doc.Counters)
	}
}
