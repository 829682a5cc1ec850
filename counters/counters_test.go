package counters

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/receivers"
	"onbehalf/rewrite"
	"onbehalf/store"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("COUNT_IN"); dir != "" {
		countUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// noon is when most of these tests play.
var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func opened(t testing.TB, dir string) *store.File {
	t.Helper()
	f, err := store.Open(store.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func counting(s store.Store) *Counters { return New(s, slog.New(slog.DiscardHandler), nil) }

func sent(id string, row rewrite.Row, result string, at time.Time) Message {
	return Message{Tenant: id, Row: row, Result: result, At: at}
}

func daysOf(t testing.TB, c *Counters, id string, last time.Time, n int) []Day {
	t.Helper()
	days, err := c.Days(id, last, n)
	if err != nil {
		t.Fatal(err)
	}
	return days
}

// TestDays: by row and result, by reason, by class, by day of UTC, over a restart; another tenant
// changes nothing.
func TestDays(t *testing.T) {
	dir := t.TempDir()
	file := opened(t, dir)
	c := counting(file)
	late := noon.Add(12*time.Hour - time.Second) // the day's last second; it is another day elsewhere
	east := time.FixedZone("east", 9*3600)
	for _, m := range []Message{
		sent("a", rewrite.RowKey, "done", noon), sent("a", rewrite.RowKey, "done", late.In(east)), sent("a", rewrite.RowOnBehalf, "deferred", noon),
		{Tenant: "a", Row: rewrite.RowForbidden, Result: "refused", Reason: "not allowed", At: noon},
		sent("a", rewrite.RowReturn, "done", noon), sent("a", rewrite.RowKey, "done", late.Add(time.Second)),
		sent("b", rewrite.RowSPF, "passed", noon), sent(Unknown, rewrite.RowUntrusted, "passed", noon),
	} {
		c.Message(m)
	}
	c.Return(Return{Tenant: "a", Classes: []Class{Mailbox, Spam}, At: noon})
	c.Save()
	c.Return(Return{Tenant: "a", Classes: []Class{Mailbox}, At: noon})
	c.Save()
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	file = opened(t, dir)
	defer file.Close()
	c = counting(file)
	c.Message(sent("a", rewrite.RowKey, "done", noon))
	got := daysOf(t, c, "a", late.Add(time.Hour), 3)
	want := []Day{
		{Date: "2026-11-25"},
		{Date: "2026-11-26", Last: late, Refused: map[string]int64{"not allowed": 1}, Returned: map[Class]int64{Mailbox: 2, Spam: 1}, Messages: map[string]map[string]int64{
			"3 key": {"done": 3}, "6 on-behalf": {"deferred": 1}, "10 forbidden": {"refused": 1}, "return": {"done": 1}}},
		{Date: "2026-11-27", Last: late.Add(time.Second), Messages: map[string]map[string]int64{"3 key": {"done": 1}}},
	}
	for i := range got {
		got[i].Last = got[i].Last.UTC()
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("got  %+v\nwant %+v", got[i], want[i])
		}
	}
	if d := got[1]; d.Own() != 5 || d.Own("refused", "deferred") != 2 || d.CameBack() != 3 {
		t.Errorf("own %d, refused %d, came back %d", d.Own(), d.Own("refused", "deferred"), d.CameBack())
	}
	if last, err := c.Last("a", noon.Add(200*24*time.Hour), 400); err != nil || !last.Equal(late.Add(time.Second)) {
		t.Errorf("the last is of %s, %v", last, err)
	}
	if last, err := c.Last("nosuch", noon, 400); err != nil || !last.IsZero() {
		t.Errorf("the last of none is of %s, %v", last, err)
	}
}

// TestPrune deletes days that are too old, whosever, and no others.
func TestPrune(t *testing.T) {
	file := opened(t, t.TempDir())
	defer file.Close()
	c := counting(file)
	for i := range 3 {
		for id := range step {
			c.Message(sent(fmt.Sprint(id), rewrite.RowKey, "done", noon.AddDate(0, 0, i)))
		}
	}
	c.Save()
	rounds := 1
	for ; ; rounds++ {
		more, err := c.Prune(noon.AddDate(0, 0, 2))
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			break
		}
	}
	if rounds != 3 {
		t.Errorf("%d rounds", rounds)
	}
	left := 0
	if err := file.Walk(store.BucketCounters, store.Range{}, func(key string, _ []byte) bool {
		if !strings.HasPrefix(key, "2026-11-28 ") {
			t.Errorf("%q is left", key)
		}
		left++
		return true
	}); err != nil || left != step {
		t.Errorf("%d are left, %v", left, err)
	}
}

// TestBusiestAreKept: the memory is bounded whoever sends mail, and nothing is miscounted by it.
func TestBusiestAreKept(t *testing.T) {
	file := opened(t, t.TempDir())
	defer file.Close()
	c := counting(file)
	const tenants = mostKept + 500
	for round := range 3 {
		for i := range tenants {
			for range 1 + i/(tenants-100) { // the last ones twice
				c.Message(sent(strconv.Itoa(i), rewrite.RowKey, "done", noon))
			}
		}
		c.Save()
		if len(c.kept) > mostKept || len(c.fresh) > 0 {
			t.Fatalf("round %d: %d days are kept, %d are fresh", round, len(c.kept), len(c.fresh))
		}
	}
	for i := tenants - 100; i < tenants; i++ {
		if c.kept[counted{noon.Unix() / secondsOfDay, strconv.Itoa(i)}] == nil {
			t.Fatalf("the busy tenant %d is not kept", i)
		}
	}
	for _, i := range []int{0, 1, mostKept, tenants - 101, tenants - 1} {
		if got, want := daysOf(t, c, strconv.Itoa(i), noon, 1)[0].Own(), int64(3*(1+i/(tenants-100))); got != want {
			t.Errorf("tenant %d has %d messages, want %d", i, got, want)
		}
	}
}

// TestConcurrent counts, saves and reads at once; every message is counted once.
func TestConcurrent(t *testing.T) {
	file := opened(t, t.TempDir())
	defer file.Close()
	c := counting(file)
	ctx, cancel := context.WithCancel(t.Context())
	var counts, run sync.WaitGroup
	run.Go(func() { c.Run(ctx) })
	run.Go(func() { // mostly when there is nothing to save
		for ctx.Err() == nil {
			c.Save()
		}
	})
	for w := range 4 {
		counts.Go(func() {
			for i := range 2000 {
				c.Message(sent(fmt.Sprint(i%7), rewrite.RowKey, "done", noon))
				c.Return(Return{Tenant: fmt.Sprint(i % 7), Classes: []Class{Other}, At: noon})
				if i%500 == w {
					c.Save()
				}
			}
		})
	}
	counts.Wait()
	cancel()
	run.Wait()
	var own, back int64
	for id := range 7 {
		d := daysOf(t, c, fmt.Sprint(id), noon, 1)[0]
		own, back = own+d.Own(), back+d.CameBack()
	}
	if own != 8000 || back != 8000 {
		t.Errorf("%d messages, %d notifications", own, back)
	}
}

// failing is a store that cannot read for a while.
type failing struct {
	store.Store
	fails bool
}

func (f *failing) Get(b store.Bucket, key string) ([]byte, bool, error) {
	if f.fails {
		return nil, false, errors.New("damaged")
	}
	return f.Store.Get(b, key)
}

// TestNothingIsLostWhenReadingFails: what cannot be added to its day waits.
func TestNothingIsLostWhenReadingFails(t *testing.T) {
	file := opened(t, t.TempDir())
	defer file.Close()
	before := counting(file)
	before.Message(sent("a", rewrite.RowKey, "done", noon))
	before.Save()
	f := &failing{Store: file, fails: true}
	log := new(strings.Builder)
	c := New(f, slog.New(slog.NewTextHandler(log, nil)), nil)
	for range 3 {
		c.Message(sent("a", rewrite.RowKey, "done", noon))
		c.Return(Return{Tenant: "a", Classes: []Class{Mailbox}, At: noon, Claims: []Claim{claim("Gmail", "")}})
		c.Save()
	}
	f.fails = false
	d := daysOf(t, c, "a", noon, 1)[0]
	if d.Own() != 4 || d.Returned[Mailbox] != 3 || d.Unauthenticated["Gmail"].Own != 3 {
		t.Errorf("%+v", d)
	}
	if strings.Count(log.String(), "counters cannot be read") != 1 {
		t.Errorf("logged:\n%s", log)
	}
}

// TestSaveAgain: after the store has lost its file, it gets what is in memory.
func TestSaveAgain(t *testing.T) {
	file := opened(t, t.TempDir())
	c := counting(file)
	c.Message(sent("a", rewrite.RowKey, "done", noon))
	c.Save()
	file.Close()
	file = opened(t, t.TempDir())
	defer file.Close()
	c.store = file
	c.SaveAgain()
	if d := daysOf(t, c, "a", noon, 1)[0]; d.Own() != 1 {
		t.Errorf("%+v", d)
	}
}

// TestForeignValues: what another version wrote is read as far as it is understood, and counting
// goes on.
func TestForeignValues(t *testing.T) {
	file := opened(t, t.TempDir())
	defer file.Close()
	for _, text := range []string{"", "{", `{"messages": 1}`, `{"messages": {"3 key": null, "77 new": {"done": 2}}}`, `{"unauthenticated": {"Gmail": {"networks": ["x"]}}}`} {
		file.Write(store.Change{Bucket: store.BucketCounters, Key: keyOf("2026-11-26", "a"), Value: []byte(text)})
		c := counting(file)
		c.Message(sent("a", rewrite.RowKey, "done", noon))
		c.Message(sent("a", rewrite.Row(77), "done", noon))
		c.Message(sent("a", rewrite.Row(-1), "done", noon))
		if d := daysOf(t, c, "a", noon, 1)[0]; d.Messages["3 key"]["done"] != 1 {
			t.Errorf("%s: %+v", text, d)
		}
	}
}

// TestKilled counts in a process that is killed: what it had counted two seconds before is there.
func TestKilled(t *testing.T) {
	for range 3 {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "COUNT_IN="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := make([]byte, 32)
		n, _ := out.Read(said)
		time.Sleep(3 * time.Second) // a slow machine
		cmd.Process.Kill()
		cmd.Wait()
		want, err := strconv.Atoi(strings.TrimSpace(string(said[:n])))
		if err != nil {
			t.Fatalf("%q", said[:n])
		}
		file := opened(t, dir)
		if got := daysOf(t, counting(file), "a", noon, 1)[0].Own(); got < int64(want) {
			t.Errorf("%d of %d are left", got, want)
		}
		file.Close()
	}
}

// countUntilKilled says how much it has counted after a while, and goes on.
func countUntilKilled(dir string) {
	file, err := store.Open(store.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	c := counting(file)
	go c.Run(context.Background())
	for i := range 100_000 {
		c.Message(sent("a", rewrite.RowKey, "done", noon))
		if i == 299 {
			fmt.Println(i + 1)
		}
		time.Sleep(time.Millisecond)
	}
	os.Exit(0)
}

// TestClasses maps what receivers say.
func TestClasses(t *testing.T) {
	for _, test := range []struct {
		words, status string
		want          Class
	}{
		{"550 5.7.26 This mail is unauthenticated - gsmtp", "5.7.26", Authentication},
		{"550 5.1.1 no such user", "5.1.1", Mailbox},
		{"554 blocked using zen.spamhaus.org", "5.0.0", Spam},
		{"550 client host rejected: access denied", "5.7.1", Policy},
		{"550 nobody here by that name", "5.1.2", Mailbox}, // RFC 3463 alone
		{"550 we are full", "5.2.3", Mailbox},
		{"550 your address is bad", "5.1.8", Other}, // the sender's
		{"550 your address is bad", "5.1.7", Other},
		{"550 go away", "5.7.1", Other},
		{"", "", Other},
		{"", "5.1", Other},
	} {
		reply := receivers.ParseReply(test.words)
		reply.Host, reply.Status = "mx.receiver.example", test.status
		if got := ClassOf(receivers.Explain(reply), test.status); got != test.want {
			t.Errorf("%q %s is %s, want %s", test.words, test.status, got, test.want)
		}
	}
}

// claim is one of a receiver, brought from a network; empty: by this host's Postfix.
func claim(receiver, from string) Claim {
	d, _ := message.ParseDomain("university.example")
	c := Claim{Meaning: receivers.Meaning{Receiver: receiver, Class: receivers.Auth, Means: "No.", Fix: "Look."}, Domain: d}
	if from != "" {
		c.From = netip.MustParsePrefix(from)
	}
	return c
}

// TestDisagree: how many notifications it takes. What one network sends, however much on however
// many days, is one.
func TestDisagree(t *testing.T) {
	const a, b, c = "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"
	type said struct {
		day            int
		receiver, from string
	}
	for name, test := range map[string]struct {
		said []said
		want []string // receivers, and how many count, by the last day
	}{
		"one":                        {[]said{{0, "Gmail", ""}}, nil},
		"two":                        {[]said{{0, "Gmail", ""}, {0, "Gmail", ""}}, nil},
		"three":                      {[]said{{0, "Gmail", ""}, {0, "Gmail", ""}, {0, "Gmail", ""}}, []string{"Gmail 3"}},
		"three on three days":        {[]said{{0, "Gmail", ""}, {2, "Gmail", ""}, {6, "Gmail", ""}}, []string{"Gmail 3"}},
		"three, one too long ago":    {[]said{{0, "Gmail", ""}, {2, "Gmail", ""}, {7, "Gmail", ""}}, nil},
		"three receivers":            {[]said{{0, "Gmail", ""}, {0, "Yahoo, AOL", ""}, {0, "", ""}}, nil},
		"one network, often":         {slices.Repeat([]said{{0, "Gmail", a}}, 50), nil},
		"one network, day after day": {[]said{{0, "Gmail", a}, {1, "Gmail", a}, {2, "Gmail", a}, {3, "Gmail", a}, {4, "Gmail", a}}, nil},
		"two networks":               {[]said{{0, "Gmail", a}, {1, "Gmail", b}, {1, "Gmail", a}}, nil},
		"three networks":             {[]said{{0, "", a}, {1, "", b}, {1, "", c}}, []string{" 3"}},
		"a network and Postfix":      {[]said{{0, "Gmail", a}, {1, "Gmail", ""}, {1, "Gmail", ""}}, []string{"Gmail 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := opened(t, t.TempDir())
			defer file.Close()
			var began []string
			counters := New(file, slog.New(slog.DiscardHandler), func(id string, d Disagreement) { began = append(began, id+" "+d.Receiver) })
			last := noon
			for _, one := range test.said {
				last = noon.AddDate(0, 0, one.day)
				counters.Return(Return{Tenant: "a", Classes: []Class{Authentication}, At: last, Claims: []Claim{claim(one.receiver, one.from)}})
				counters.Save()
			}
			var got []string
			for _, d := range Disagreements(daysOf(t, counters, "a", last, 30)) {
				got = append(got, fmt.Sprint(d.Receiver, " ", d.Count))
				if d.Domain != "university.example" || d.Finding != "No." || d.Fix != "Look." || !d.Last.Equal(last) || d.Since == "" {
					t.Errorf("%+v", d)
				}
			}
			if !slices.Equal(got, test.want) || len(began) != len(test.want) {
				t.Errorf("got %q, begun %q, want %q", got, began, test.want)
			}
		})
	}
}

// TestDisagreementIsAnnouncedOnce: while it lasts, over restarts too; and again after it was over.
func TestDisagreementIsAnnouncedOnce(t *testing.T) {
	file := opened(t, t.TempDir())
	defer file.Close()
	began := 0
	for day := range 30 {
		if day > 8 && day < 18 {
			continue
		}
		c := New(file, slog.New(slog.DiscardHandler), func(string, Disagreement) { began++ })
		for range 3 {
			c.Return(Return{Tenant: "a", At: noon.AddDate(0, 0, day), Claims: []Claim{claim("Gmail", "")}})
			c.Save()
		}
	}
	if began != 2 {
		t.Errorf("announced %d times", began)
	}
}

// TestEvidenceIsBounded: however many networks, and however large the numbers.
func TestEvidenceIsBounded(t *testing.T) {
	file := opened(t, t.TempDir())
	defer file.Close()
	c := counting(file)
	for i := range 1000 {
		c.Return(Return{Tenant: "a", At: noon, Claims: []Claim{claim("Gmail", fmt.Sprintf("10.%d.%d.0/24", i/250, i%250))}})
		if i%100 == 0 {
			c.Save()
		}
	}
	for i := range 2 * maxReasons {
		c.Message(Message{Tenant: "a", Row: rewrite.RowForbidden, Result: "refused", Reason: fmt.Sprint(i), At: noon})
	}
	d := daysOf(t, c, "a", noon, 1)[0]
	if n := len(d.Unauthenticated["Gmail"].Networks); n != maxNetworks || maxNetworks < enough || len(d.Refused) > maxReasons {
		t.Errorf("%d networks, %d reasons", n, len(slices.Collect(maps.Keys(d.Refused))))
	}
}

// BenchmarkMessage is what counting adds to a message: it must stay below a microsecond.
func BenchmarkMessage(b *testing.B) {
	file := opened(b, b.TempDir())
	defer file.Close()
	c := counting(file)
	ctx, cancel := context.WithCancel(b.Context())
	var run sync.WaitGroup
	run.Go(func() { c.Run(ctx) })
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = fmt.Sprint("tenant-", i)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			c.Message(sent(ids[i%len(ids)], rewrite.RowKey, "done", noon))
		}
	})
	cancel()
	run.Wait()
}

// BenchmarkSave is a batch of a thousand tenants.
func BenchmarkSave(b *testing.B) {
	file := opened(b, b.TempDir())
	defer file.Close()
	c := counting(file)
	for b.Loop() {
		for i := range 1000 {
			c.Message(sent(strconv.Itoa(i), rewrite.RowKey, "done", noon))
		}
		c.Save()
	}
}
