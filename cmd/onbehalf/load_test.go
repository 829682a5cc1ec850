package main

import (
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"onbehalf/admin"
	"onbehalf/config"
	"onbehalf/message"
	"onbehalf/tenant"
)

// TestOneTenantNeedsFew: a command that is about one tenant asks the daemon for what decides about
// that one's mail, and gets all of that.
func TestOneTenantNeedsFew(t *testing.T) {
	parse := func(name string) message.Domain {
		d, err := message.ParseDomain(name)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	platform := &tenant.Platform{
		Domain: parse("courseware.nl"), FromDomain: parse("from.courseware.nl"), Bounce: parse("bounces.courseware.nl"),
		SRS: tenant.SRS{Secrets: []tenant.Secret{tenant.NewSecret([]byte("0123456789abcdef"))}},
	}
	one := &tenant.Tenant{ID: "one", Domains: []tenant.Pattern{{Domain: parse("one.example")}, {Domain: parse("wild.example"), Wildcard: true}}}
	other := &tenant.Tenant{ID: "other", Domains: []tenant.Pattern{{Domain: parse("other.example")}}}
	table, err := tenant.NewTable(platform, []*tenant.Tenant{one, other})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one.example", "wild.example", "other.example", "courseware.nl", "from.courseware.nl", "bounces.courseware.nl"} {
		if err := table.SetStandings(tenant.Standing{Domain: parse(name)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.SetStandings(tenant.Standing{Domain: parse("dept.wild.example"), Seen: time.Now()}); err != nil {
		t.Fatal(err)
	}
	daemon := httptest.NewServer(admin.NewHandler(admin.Source{
		Unready: func() *admin.Unready { return nil },
		Table:   func() *tenant.Table { return table },
	}))
	defer daemon.Close()
	client := adminClient{socket: config.Socket{Network: "tcp", Address: daemon.Listener.Addr().String()}}
	for _, test := range []struct {
		about *tenant.Tenant
		want  []string
	}{
		{one, []string{"bounces.courseware.nl", "courseware.nl", "dept.wild.example", "from.courseware.nl", "one.example", "wild.example"}},
		{nil, []string{"bounces.courseware.nl", "courseware.nl", "dept.wild.example", "from.courseware.nl", "one.example", "other.example", "wild.example"}},
	} {
		all, err := client.standings(about(platform, test.about))
		var got []string
		for _, s := range all {
			got = append(got, s.Domain.String())
		}
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%q, %v; want %q", got, err, test.want)
		}
	}
}
