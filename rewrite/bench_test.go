package rewrite_test

import (
	"fmt"
	"testing"

	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
	"onbehalf/test/cases"
)

// BenchmarkDecide decides among few tenants and among many: what a message costs
// must not grow with their number.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000, 100_000} {
		snapshot := manyTenants(b, n).Snapshot()
		for _, bench := range []struct {
			name, from string
			row        rewrite.Row
		}{
			{"row 2", fmt.Sprintf("academy@org-%d.example", n/2), 2},
			{"row 6", fmt.Sprintf("academy@org-%d.example", n/2+1), 6},
			{"wildcard, row 3", fmt.Sprintf("academy@a.b.org-%d.example", n/2), 3},
			{"miss", "academy@nobody.example", 8},
		} {
			b.Run(fmt.Sprintf("%s/%d tenants", bench.name, n), func(b *testing.B) {
				m := benchMessage(bench.from)
				if plan := rewrite.Decide(m, snapshot); plan.Row != bench.row {
					b.Fatal(cases.Print(plan))
				}
				b.ReportAllocs()
				for b.Loop() {
					rewrite.Decide(m, snapshot)
				}
			})
		}
	}
}

// BenchmarkApply adds what it costs to predict the header.
func BenchmarkApply(b *testing.B) {
	m := benchMessage("academy@org-1.example")
	plan := rewrite.Decide(m, manyTenants(b, 10).Snapshot())
	b.ReportAllocs()
	for b.Loop() {
		plan.Apply(m.Header)
	}
}

func benchMessage(from string) message.Message {
	m := message.Message{Received: cases.Now, QueueID: "4XQUEUE", Submitter: message.Submitter{Local: true}}
	m.Envelope.ReversePath = message.ParsePath(from)
	m.Envelope.ForwardPaths = []message.Path{message.ParsePath("student@receiver.example")}
	for _, f := range []message.Field{
		{Name: "Received", Value: " from lms.courseware.nl\r\n\tby mail.courseware.nl; Mon, 01 Jun 2026 09:00:00 +0200"},
		{Name: "From", Value: " Academy <" + from + ">"},
		{Name: "To", Value: " student@receiver.example"},
		{Name: "Subject", Value: " Your course"},
		{Name: "Date", Value: " Mon, 01 Jun 2026 09:00:00 +0200"},
		{Name: "Message-ID", Value: " <1@courseware.nl>"},
		{Name: "MIME-Version", Value: " 1.0"},
		{Name: "Content-Type", Value: " text/plain; charset=utf-8"},
		{Name: "List-Unsubscribe", Value: " <https://courseware.nl/u/1>"},
	} {
		m.Header = append(m.Header, f)
	}
	return m
}

// manyTenants makes a table of n tenants, every second of which has authorized us.
func manyTenants(b *testing.B, n int) *tenant.Table {
	own := must(message.ParseDomain("courseware.nl"))
	policy := tenant.Policy{
		UnknownDomain: tenant.UnknownRewrite, UnreadableFrom: tenant.UnreadableReject, RewriteFrom: tenant.RewriteAlways,
		KeepEnvelope: true, Mode: tenant.Enforce,
	}
	platform := &tenant.Platform{
		Name: "Courseware", Domain: own, Domains: []tenant.Pattern{{Domain: own}}, Bounce: home, Policy: policy,
		From:       must(tenant.ParseTemplate("noreply")),
		Identities: []tenant.Identity{{SDID: own, Selector: "cw1", Algorithm: tenant.RSA}},
		SRS:        tenant.SRS{Secrets: []tenant.Secret{tenant.NewSecret([]byte("0123456789abcdef"))}, MaxAge: 30 * day},
	}
	active := tenant.Mechanism{State: tenant.Active}
	var tenants []*tenant.Tenant
	var standings []tenant.Standing
	for i := range n {
		d := must(message.ParseDomain(fmt.Sprintf("org-%d.example", i)))
		tenants = append(tenants, &tenant.Tenant{
			ID: fmt.Sprint("org-", i), Name: fmt.Sprint("Organisation ", i), Authorization: tenant.Auto, Policy: policy, FromName: tenant.DefaultFromName(),
			Domains:    []tenant.Pattern{{Domain: d}, {Domain: d, Wildcard: true}},
			Identities: []tenant.Identity{{SDID: d, Selector: "cw1", Algorithm: tenant.RSA}},
			Submitters: tenant.Submitters{},
		})
		s := tenant.Standing{Domain: d}
		if i == n/2 {
			s.SPF, s.DKIM = active, []tenant.KeyStanding{{Name: "cw1", Mechanism: active}}
			s.DMARC = tenant.DMARC{Policy: dmarc.None, Organizational: d}
			below := must(message.ParseDomain("a.b." + d.String())) // which must have been looked up to align
			standings = append(standings, tenant.Standing{Domain: below, DMARC: s.DMARC})
		}
		standings = append(standings, s)
	}
	table, err := tenant.NewTable(platform, tenants)
	if err == nil {
		err = table.SetStandings(standings...)
	}
	if err != nil {
		b.Fatal(err)
	}
	return table
}
