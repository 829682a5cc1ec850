package metrics

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"onbehalf/admin"
	"onbehalf/milter"
)

// Source is where the metrics come from. Its funcs are called for each scrape, by several
// goroutines.
type Source struct {
	Version string
	Tally   *milter.Tally
	Status  func() (admin.Status, error)
	// Questions calls yield with the number of DNS questions, by what came of them.
	Questions func(yield func(result string, n int64))
}

// New returns a registry of the daemon's metrics, of Go's own, and of others, which is where
// packages that this one does not know add theirs.
func New(s Source, others ...prometheus.Collector) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{s, families()}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.MustRegister(others...)
	return r
}

// scrapeTime bounds what a scrape may take: of 100,000 tenants, the first one takes seconds.
const scrapeTime = 20 * time.Second

// Page answers scrapers. What cannot be read is logged, and left out of the answer.
func Page(r prometheus.Gatherer, log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 2,
		Timeout:             scrapeTime,
	})
}

// collector is a prometheus.Collector.
type collector struct {
	source   Source
	families []family
}

// Describe is of prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) {
	for i := range c.families {
		to <- c.families[i].desc
	}
}

// Collect is of prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	status, err := c.source.Status()
	s := scrape{Source: c.source, Status: status, Ready: !errors.Is(err, admin.ErrUnready)}
	for i := range c.families {
		f := &c.families[i]
		if err == nil || !f.ofStatus {
			f.collect(s, series{f, to})
		}
	}
	if err != nil && !errors.Is(err, admin.ErrUnready) { // that is known, and no line in the log for each scrape
		to <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
	}
}

// scrape is what one scrape is answered from.
type scrape struct {
	Source
	Status admin.Status
	Ready  bool // there is a configuration to decide mail by
}

// series is where the values of a family go.
type series struct {
	family *family
	to     chan<- prometheus.Metric
}

// put adds a series.
func (s series) put(value float64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(s.family.desc, s.family.kind, value, labels...)
}

// count is put for what package milter counts.
func (s series) count(label string, n int64) { s.put(float64(n), label) }

// putDurations adds a histogram.
func (s series) putDurations(d milter.Durations) {
	within := make(map[float64]uint64, len(milter.Bounds))
	for i, bound := range milter.Bounds {
		within[bound.Seconds()] = uint64(d.Within[i])
	}
	s.to <- prometheus.MustNewConstHistogram(s.family.desc, uint64(d.Count), d.Sum.Seconds(), within)
}
