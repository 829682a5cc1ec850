package admin_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"onbehalf/admin"
	"onbehalf/store"
	"onbehalf/tenant"
)

// TestHistoryQuestions: a question comes to the store as it was asked, or is refused.
func TestHistoryQuestions(t *testing.T) {
	d := newDesk(t, []*tenant.Tenant{customer(t, "one", "one.example")})
	for _, test := range []struct {
		ask    string
		status int
		want   string
	}{
		{"", 200, `{"Tenant":"","All":true,"Since":"0001-01-01T00:00:00Z","Before":"","Limit":500}`},
		{"?tenant=one&limit=7&before=00ff&since=2026-11-26T18:00:00%2B01:00", 200, `"Tenant":"one","All":false,"Since":"2026-11-26T18:00:00+01:00","Before":"00ff","Limit":7}`},
		{"?tenant=", 404, "no tenant has the id"},
		{"?tenant=two", 404, `no tenant has the id \"two\"`},
		{"?tenant=gone", 200, "of one that is gone"},
		{"?limit=0", 400, "limit is not a number from 1 to 500"},
		{"?limit=501", 400, "limit is not"},
		{"?limit=many", 400, "limit is not"},
		{"?since=yesterday", 400, "since is not a time like"},
		{"?before=x", 400, "there is no such page"},
		{"?tenant=broken", 500, "the disk is on fire"},
	} {
		answer := get(d.handler(), http.MethodGet, "/history"+test.ask, "", "unix")
		if body := strings.ReplaceAll(answer.Body.String(), `\"`, `"`); answer.Code != test.status || !strings.Contains(body, strings.ReplaceAll(test.want, `\"`, `"`)) {
			t.Errorf("%q: %d %s", test.ask, answer.Code, answer.Body)
		}
	}
}

// historyOf answers with the question.
func historyOf(q store.Query) ([]store.Entry, string, error) {
	switch {
	case q.Before == "x":
		return nil, "", store.ErrPage
	case q.Tenant == "broken":
		return nil, "", errors.New("the disk is on fire")
	case q.Tenant == "two" || q.Tenant == "" && !q.All:
		return nil, "", nil
	case q.Tenant == "gone":
		return []store.Entry{{Text: "of one that is gone"}}, "", nil
	}
	question := fmt.Sprintf(`{"Tenant":%q,"All":%t,"Since":%q,"Before":%q,"Limit":%d}`, q.Tenant, q.All, q.Since.Format(time.RFC3339), q.Before, q.Limit)
	return []store.Entry{{At: noon, Text: question}}, "next", nil
}

// maxNamed is how many domains of the test a request may name.
const maxNamed = 300

// TestStandingsArePaged: all pages together are all standings, each once and in order.
func TestStandingsArePaged(t *testing.T) {
	const domains = 10_001
	var all []tenant.Standing
	for i := range domains {
		all = append(all, standing(t, fmt.Sprintf("d%d.example", i), tenant.Active, tenant.Active, tenant.Unknown))
	}
	h := newDesk(t, nil, all...).handler()
	var names []string
	pages := 0
	for after := ""; ; pages++ {
		var page admin.Standings
		askOf(t, h, "/standings?after="+url.QueryEscape(after), &page)
		for _, s := range page.Standings {
			names = append(names, s.Domain.String())
			if !s.SPF.Holds() || s.SPF.Evidence == "" {
				t.Fatalf("%+v", s)
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if len(names) != domains || !slices.IsSorted(names) || len(slices.Compact(names)) != domains || pages != 2 {
		t.Errorf("%d names on %d pages before the last", len(names), pages)
	}
	many := make([]tenant.Pattern, 2*maxNamed)
	for i := range many {
		many[i].Domain = all[i].Domain
	}
	for name, test := range map[string]struct {
		of   []tenant.Pattern
		want string
	}{
		"some":     {many[:maxNamed], "d0.example"},
		"too many": {many, "d0.example"},
		"none":     {[]tenant.Pattern{{Domain: domain(t, "stranger.example")}}, ""},
	} {
		var page admin.Standings
		askOf(t, h, admin.StandingsPath("", test.of), &page)
		if len(page.Standings) == 0 && test.want == "" {
			continue
		}
		if len(page.Standings) < min(len(test.of), 5000) || page.Standings[0].Domain.String() != test.want {
			t.Errorf("%s: %d standings", name, len(page.Standings))
		}
	}
	if bad := get(h, "GET", "/standings?domain=a..b", "", "unix"); bad.Code != 400 {
		t.Errorf("of no domain: %d %s", bad.Code, bad.Body)
	}
	var none admin.Standings
	askOf(t, newDesk(t, nil).handler(), "/standings", &none)
	if none.Standings == nil || len(none.Standings) != 0 || none.Next != "" {
		t.Errorf("of nothing: %+v", none)
	}
}
