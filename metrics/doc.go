// Package metrics is what Prometheus reads of the daemon. docs/metrics.md lists each metric, and
// is a contract: names, labels and the values of labels do not change.
//
// Nothing here counts. What became of messages is counted by the milter (milter.Tally), what was
// asked of DNS by the resolver, and all else is what `onbehalf status` shows, asked when somebody
// scrapes. Labels have values of closed lists alone, each there from the start: no number of
// tenants, domains or clients makes more series. Tenants have some only where metrics.tenants
// names them.
//
//	metrics.go   the collector, and the page
//	families.go  each metric
package metrics
