package store

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func dom(t testing.TB, s string) message.Domain {
	t.Helper()
	d, err := message.ParseDomain(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// fill sets every field of a value to something that is not zero, and to another value
// each time.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(noon.Add(time.Duration(*n) * time.Nanosecond)))
	case v.Type() == reflect.TypeFor[message.Domain]():
		v.Set(reflect.ValueOf(dom(t, strings.Repeat("a", *n)+".example")))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), n)
		fill(t, v.Index(1), n)
	case v.Kind() == reflect.String:
		v.SetString(strings.Repeat("<é\u2028\n", *n))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("a %s: teach fill about it", v.Type())
	}
}

// fullStandings are one in which every field is set, and others.
func fullStandings(t *testing.T) []tenant.Standing {
	var full tenant.Standing
	n := 0
	fill(t, reflect.ValueOf(&full).Elem(), &n)
	return []tenant.Standing{full, {Domain: dom(t, "empty.example")}, {Domain: dom(t, "other.example"), SPF: tenant.Mechanism{State: tenant.Warning, Since: noon}}}
}

// TestStandingsKeepEveryField fails when a field is added to Standing that JSON does not carry.
func TestStandingsKeepEveryField(t *testing.T) {
	dir := t.TempDir()
	all := fullStandings(t)
	f, _ := opened(t, dir)
	if none, err := LoadStandings(f); err != nil || len(none) != 0 {
		t.Errorf("of nothing: %v, %v", none, err)
	}
	if err := SaveStandings(f, all, nil); err != nil {
		t.Fatal(err)
	}
	if loaded, err := LoadStandings(f); err != nil || !reflect.DeepEqual(loaded, all) {
		t.Errorf("before a batch: %v\n%+v, saved\n%+v", err, loaded, all)
	}
	closed(t, f)
	if loaded, err := ReadStandings(dir); err != nil || !reflect.DeepEqual(loaded, all) {
		t.Errorf("by a command: %v\n%+v, saved\n%+v", err, loaded, all)
	}
	f, _ = opened(t, dir)
	if loaded, err := LoadStandings(f); err != nil || !reflect.DeepEqual(loaded, all) {
		t.Errorf("after a restart: %v\n%+v, saved\n%+v", err, loaded, all)
	}
	if err := SaveStandings(f, nil, []message.Domain{all[0].Domain, dom(t, "never.example")}); err != nil {
		t.Fatal(err)
	}
	closed(t, f)
	if loaded, err := ReadStandings(dir); err != nil || !reflect.DeepEqual(loaded, all[1:]) {
		t.Errorf("after one is gone: %v\n%+v", err, loaded)
	}
}

// TestTimes: what time it may be besides outlives a restart.
func TestTimes(t *testing.T) {
	dir := t.TempDir()
	f, _ := opened(t, dir)
	if none := LoadTimes(f); !none.Written.IsZero() || none.Besides != nil {
		t.Errorf("before anything was saved: %+v", none)
	}
	want := Times{Written: noon, Besides: []time.Time{noon.AddDate(0, 1, 0)}}
	SaveTimes(f, want)
	closed(t, f)
	f, _ = opened(t, dir)
	defer closed(t, f)
	if got := LoadTimes(f); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// bigState is the state of a platform with many domains, and its folder.
func bigState(b *testing.B, domains int) string {
	dir := b.TempDir()
	f, _ := opened(b, dir)
	all := make([]tenant.Standing, domains)
	for i := range all {
		m := tenant.Mechanism{State: tenant.Active, Of: "192.0.2.1", Since: noon, Checked: noon, Evidence: "v=spf1 include:spf.courseware.nl -all passes for 192.0.2.1"}
		all[i] = tenant.Standing{Domain: dom(b, fmt.Sprintf("d%d.example", i)), SPF: m, ReturnPath: m,
			DKIM: []tenant.KeyStanding{{Name: "cw1", Mechanism: m}}, DMARC: tenant.DMARC{Policy: "reject", Checked: noon, Evidence: "v=DMARC1; p=reject"}}
	}
	if err := SaveStandings(f, all, nil); err != nil {
		b.Fatal(err)
	}
	closed(b, f)
	return dir
}

const benchDomains = 100_000

// BenchmarkStart opens the state of many domains, and has their standings.
func BenchmarkStart(b *testing.B) {
	dir := bigState(b, benchDomains)
	for b.Loop() {
		f, _ := opened(b, dir)
		if all, err := LoadStandings(f); err != nil || len(all) != benchDomains {
			b.Fatal(len(all), err)
		}
		b.StopTimer()
		closed(b, f)
		b.StartTimer()
	}
}

// BenchmarkRead is what a command reads of it while no daemon runs.
func BenchmarkRead(b *testing.B) {
	dir := bigState(b, benchDomains)
	for b.Loop() {
		if all, err := ReadStandings(dir); err != nil || len(all) != benchDomains {
			b.Fatal(len(all), err)
		}
	}
}

// BenchmarkSaveOne is one change among many domains, until it is on the disk.
func BenchmarkSaveOne(b *testing.B) {
	f, _ := opened(b, bigState(b, benchDomains))
	defer f.Close()
	i := 0
	for b.Loop() {
		i += 7919
		if err := SaveStandings(f, []tenant.Standing{standingOf(uint64(i%benchDomains), uint64(i))}, nil); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWrite is what a caller waits for.
func BenchmarkWrite(b *testing.B) {
	f, _ := opened(b, b.TempDir())
	defer f.Close()
	s := []tenant.Standing{standingOf(1, 1)}
	for b.Loop() {
		if err := SaveStandings(f, s, nil); err != nil {
			b.Fatal(err)
		}
	}
}
