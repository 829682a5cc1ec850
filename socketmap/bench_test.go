package socketmap_test

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/socketmap"
	"onbehalf/tenant"
	"onbehalf/test/cases"
)

// BenchmarkLookups asks over a socket, on one connection and on many at once, among few
// tenants and among many: what a lookup costs must not grow with their number.
func BenchmarkLookups(b *testing.B) {
	for _, tenants := range []int{10, 100_000} {
		table := manyDirect(b, tenants)
		f := serveTable(b, socketmap.Limits{}, table.Snapshot)
		for _, connections := range []int{1, 50} {
			for name, request := range map[string]string{
				"direct": fmt.Sprintf("transport x@org-%d.example", tenants/2),
				"other":  "transport someone@receiver.example",
				"policy": fmt.Sprintf("tls_policy [mx.org-%d.example]:25", tenants/2),
			} {
				b.Run(fmt.Sprintf("%s/%d tenants/%d connections", name, tenants, connections), func(b *testing.B) {
					took := askAll(b, f, connections, request)
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lookups/s")
					b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
				})
			}
		}
	}
}

// askAll asks b.N times, shared among connections, and returns how long each answer took, the
// quickest first.
func askAll(b *testing.B, f *fixture, connections int, request string) []time.Duration {
	var open []net.Conn
	for range connections {
		open = append(open, f.dial(b))
	}
	var mu sync.Mutex
	var all []time.Duration
	var workers sync.WaitGroup
	b.ResetTimer()
	for i, c := range open {
		workers.Go(func() {
			var took []time.Duration
			for range (b.N + connections - 1 - i) / connections {
				start := time.Now()
				if answer, err := ask(c, request); err != nil {
					b.Error(answer, err)
					return
				}
				took = append(took, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	workers.Wait()
	b.StopTimer()
	slices.Sort(all)
	return all
}

// manyDirect makes tenants that all have a direct domain, proven by a key.
func manyDirect(b *testing.B, n int) *tenant.Table {
	b.Helper()
	var tenants []*tenant.Tenant
	var standings []tenant.Standing
	for i := range n {
		d, err := message.ParseDomain(fmt.Sprintf("org-%d.example", i))
		if err != nil {
			b.Fatal(err)
		}
		hop, err := tenant.ParseNextHop(fmt.Sprintf("[mx.org-%d.example]:25", i))
		if err != nil {
			b.Fatal(err)
		}
		tenants = append(tenants, &tenant.Tenant{
			ID: fmt.Sprint("org-", i), Authorization: tenant.Auto, Domains: []tenant.Pattern{{Domain: d}, {Domain: d, Wildcard: true}},
			Identities: []tenant.Identity{{SDID: d, Selector: "cw1", Algorithm: tenant.RSA}},
			Direct:     tenant.Direct{Domains: []message.Domain{d}, NextHop: hop, TLS: tenant.TLSEncrypt},
		})
		standings = append(standings, tenant.Standing{Domain: d, DKIM: []tenant.KeyStanding{{Name: "cw1", Mechanism: tenant.Mechanism{State: tenant.Active}}}})
	}
	table, err := tenant.NewTable(cases.NewCast(b).Table(b).Platform(), tenants)
	if err == nil {
		err = table.SetStandings(standings...)
	}
	if err != nil {
		b.Fatal(err)
	}
	return table
}
