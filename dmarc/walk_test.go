package dmarc_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"onbehalf/dmarc"
	"onbehalf/message"
)

// TestWalk has records by domain, and what a receiver finds by RFC 9989 section 4.10.
func TestWalk(t *testing.T) {
	const long = "a.b.c.d.e.f.g.h.i.j.mail.example.com"
	tests := []struct {
		name, from string
		records    map[string]string // without the v=DMARC1 that they begin with
		asked      string
		org        string
		governing  string // the domain whose record holds, and what it asks; empty: none
	}{
		{"no record", "a.example.com", nil, "a.example.com example.com com", "a.example.com", ""},
		{"its own", "a.example.com", map[string]string{"a.example.com": "p=none"}, "a.example.com example.com com", "a.example.com", "a.example.com none"},
		{"of its organization", "a.example.com", map[string]string{"example.com": "p=none; sp=reject"}, "a.example.com example.com com", "example.com", "example.com reject"},
		{"both", "a.example.com", map[string]string{"a.example.com": "p=none", "example.com": "p=reject"}, "a.example.com example.com com", "example.com", "a.example.com none"},
		{"psd=n ends the walk", "a.b.example.com", map[string]string{"b.example.com": "p=none; psd=n", "example.com": "p=reject"}, "a.b.example.com b.example.com", "b.example.com", "b.example.com none"},
		{"psd=n of its own", "a.example.com", map[string]string{"a.example.com": "p=none; psd=n", "example.com": "p=reject"}, "a.example.com", "a.example.com", "a.example.com none"},
		{"psd=y above", "a.b.bank", map[string]string{"bank": "p=reject; psd=y"}, "a.b.bank b.bank bank", "b.bank", "bank reject"},
		{"psd=y above, two labels", "x.a.b.bank.example", map[string]string{"bank.example": "p=reject; psd=y", "example": "p=none"}, "x.a.b.bank.example a.b.bank.example b.bank.example bank.example", "b.bank.example", "bank.example reject"},
		{"psd=y of its own goes on", "a.example.com", map[string]string{"a.example.com": "p=none; psd=y", "example.com": "p=reject"}, "a.example.com example.com com", "example.com", "a.example.com none"},
		{"a suffix without psd=y is an organization", "a.com", map[string]string{"com": "p=reject"}, "a.com com", "com", "com reject"},
		{"between the two, nothing holds", "a.b.bank", map[string]string{"bank": "p=reject; psd=y", "b.bank": "p=none"}, "a.b.bank b.bank bank", "b.bank", "b.bank none"},
		{"one between is passed over", "a.b.example.com", map[string]string{"b.example.com": "p=none", "example.com": "p=reject"}, "a.b.example.com b.example.com example.com com", "example.com", "example.com reject"},
		{"eight questions", long, map[string]string{"d.e.f.g.h.i.j.mail.example.com": "p=reject", "example.com": "p=none"},
			long + " g.h.i.j.mail.example.com h.i.j.mail.example.com i.j.mail.example.com j.mail.example.com mail.example.com example.com com", "example.com", "example.com none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			from, asked := domain(t, test.from), []string{}
			walked, err := dmarc.Walk(from, func(d message.Domain) (*dmarc.Published, error) {
				asked = append(asked, d.String())
				text, found := test.records[d.String()]
				if !found {
					return nil, nil
				}
				record, err := dmarc.Parse("v=DMARC1; " + text)
				return &dmarc.Published{Domain: d, Record: record, Text: text}, err
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(asked, " "); got != test.asked {
				t.Errorf("asked %s\nwant  %s", got, test.asked)
			}
			if org := dmarc.Organizational(from, walked); org != domain(t, test.org) {
				t.Errorf("organizational domain %s, want %s", org, test.org)
			}
			governing := ""
			if at, found := dmarc.Governing(from, walked); found {
				governing = fmt.Sprintf("%s %s", at.Domain, at.AsksOf(from, true).Policy)
			}
			if governing != test.governing {
				t.Errorf("%q holds, want %q", governing, test.governing)
			}
		})
	}
}

func TestWalkEnds(t *testing.T) {
	silent := errors.New("no answer")
	walked, err := dmarc.Walk(domain(t, "a.example"), func(d message.Domain) (*dmarc.Published, error) {
		if d == domain(t, "example") {
			return nil, silent
		}
		return &dmarc.Published{Domain: d}, nil
	})
	if !errors.Is(err, silent) || walked != nil {
		t.Errorf("%v, %v", walked, err)
	}
}

func TestAsksOf(t *testing.T) {
	at := dmarc.Published{Domain: domain(t, "example.com"), Record: dmarc.Record{
		Policy: dmarc.None, Subdomains: dmarc.Quarantine, Absent: dmarc.Reject, StrictDKIM: true,
	}}
	for _, test := range []struct {
		of     string
		exists bool
		want   dmarc.Policy
	}{
		{"example.com", true, dmarc.None}, {"example.com", false, dmarc.None},
		{"a.example.com", true, dmarc.Quarantine}, {"a.example.com", false, dmarc.Reject},
	} {
		got := at.AsksOf(domain(t, test.of), test.exists)
		if got != (dmarc.Asks{Policy: test.want, StrictDKIM: true}) {
			t.Errorf("of %s, there %v: %+v, want %s", test.of, test.exists, got, test.want)
		}
	}
}
