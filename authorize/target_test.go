package authorize

import (
	"reflect"
	"testing"

	"onbehalf/message"
	"onbehalf/tenant"
)

// TestMerged puts together what two tenants want to know of one domain.
func TestMerged(t *testing.T) {
	id := func(selector string) WantedKey { return WantedKey{Identity: tenant.Identity{Selector: selector}} }
	one, other := dom(t, "one.example"), dom(t, "other.example")
	all := Merge([]Target{
		{Domain: one, Tenant: "a", SPF: true, Keys: []WantedKey{id("a1"), id("both")}, ReturnPath: dom(t, "r.one.example"), PathTenant: "a"},
		{Domain: other, Tenant: "a"},
		{Domain: one, Tenant: "b", Keys: []WantedKey{id("both"), id("b1")}},
		{Domain: other, Tenant: "b", SPF: true, ReturnPath: dom(t, "r.other.example"), PathTenant: "b"},
	})
	if len(all) != 2 {
		t.Fatalf("two domains make %d targets", len(all))
	}
	if s := all[0]; s.Domain != one || s.Tenant != "a" || s.PathTenant != "a" || !s.SPF || s.ReturnPath.IsZero() || len(s.Keys) != 3 || s.Keys[2].Selector != "b1" {
		t.Errorf("merged: %+v", s)
	}
	if s := all[1]; s.Domain != other || s.Tenant != "b" || s.PathTenant != "b" || !s.SPF || s.ReturnPath.String() != "r.other.example" {
		t.Errorf("merged: %+v", s)
	}
	two := Target{ReturnPath: dom(t, "r.one.example")}.with(Target{ReturnPath: dom(t, "s.one.example")})
	if two.ReturnPath != (message.Domain{}) {
		t.Errorf("one tenant would rely on the return path %s of the other", two.ReturnPath)
	}
}

func TestPathConflicts(t *testing.T) {
	of := func(id, path string, decides tenant.Authorization, patterns ...string) *tenant.Tenant {
		one := ofTown(t, id, patterns...)
		if one.Authorization = decides; path != "" {
			one.ReturnPath = dom(t, path)
		}
		return one
	}
	town := of("town", "r.town.example", tenant.Auto, "town.example", "*.x.town.example")
	tests := []struct {
		name  string
		other *tenant.Tenant
		want  bool
	}{
		{"another path", of("schools", "s.town.example", tenant.Auto, "*.town.example"), true},
		{"no path", of("schools", "", tenant.Auto, "*.town.example"), false},
		{"told", of("schools", "s.town.example", tenant.Authorized, "*.town.example"), false},
		{"another domain", of("schools", "s.town.example", tenant.Auto, "schools.town.example"), false},
		{"a path that aligns with nothing", of("schools", "s.other.example", tenant.Auto, "*.town.example"), false},
	}
	for _, test := range tests {
		var want []Conflict
		if test.want {
			want = []Conflict{{dom(t, "town.example"), town, test.other}}
		}
		if got := PathConflicts([]*tenant.Tenant{town, test.other}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
}
