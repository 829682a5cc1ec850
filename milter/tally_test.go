package milter

import (
	"maps"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/milter/mta"
	"onbehalf/receivers"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// TestTally: each message is counted once, where its log line says, and in all the lists that it
// belongs to.
func TestTally(t *testing.T) {
	h := open(t)
	y := &h.Counts.Tally
	y.Follow([]string{"university", "unused"})
	for _, m := range []func(){
		func() { m := good(); h.send(h.client(m), m) },
		func() { m := rewritten(); h.send(h.client(m), m) },
		func() { m := refusable(); h.send(h.client(m), m) },
		func() { m := bodied("a\rb\r\n"); h.send(h.client(m), m) },
		func() { m := stranger(); h.send(h.client(m), m) },
	} {
		m()
	}
	h.book.lines(t, "message")
	want := map[string]int64{"2 key-spf keep done": 1, "6 on-behalf rewrite done": 1, "10 forbidden refuse refused": 1,
		"2 key-spf keep refused": 1, "untrusted pass passed": 1}
	total := int64(0)
	y.EachMessage(func(row rewrite.Row, action rewrite.Action, result string, n int64) {
		total += n
		if key := row.String() + " " + string(action) + " " + result; n != want[key] {
			t.Errorf("%s: %d, want %d", key, n, want[key])
		}
	})
	if d := y.Messages.Durations(); d.Count != total || d.Sum <= 0 {
		t.Errorf("%d messages, and durations %+v", total, d)
	}
	y.EachRefusal(func(reason string, n int64) {
		if is := reason == "forbidden" || reason == "unsignable"; (n == 1) != is {
			t.Errorf("refused for %s: %d", reason, n)
		}
	})
	made := map[tenant.Algorithm]int64{}
	y.EachSignature(func(kind SignatureKind, n, failed int64) {
		made[kind.Algorithm] += n
		if failed > 0 { // what nothing could sign is no failure of a key
			t.Errorf("%d signatures of %v failed", failed, kind)
		}
	})
	if made[tenant.RSA] != 2 || made[tenant.Ed25519] != 2 {
		t.Errorf("signatures made: %v", made)
	}
	ids := map[string]int64{}
	y.EachTenant(func(id string, _ rewrite.Action, _ string, n int64) { ids[id] += n })
	if len(ids) != 2 || ids["university"] != 2 || ids["unused"] != 0 {
		t.Errorf("by tenant: %v", ids)
	}
	y.Follow([]string{"university"})
	ids = map[string]int64{}
	y.EachTenant(func(id string, _ rewrite.Action, _ string, n int64) { ids[id] += n })
	if len(ids) != 1 || ids["university"] != 2 {
		t.Errorf("after a reload, by tenant: %v", ids)
	}
}

// TestTallyOwner: a message counts for the tenant whose it is, not for the one that it claims to be
// from. The counters do the same.
func TestTallyOwner(t *testing.T) {
	h := open(t)
	y := &h.Counts.Tally
	y.Follow([]string{"club", "yourorg"})
	for _, m := range []mta.Mail{from("academy@yourorganisationname.nl", "lms-club"), bounce(h.bounceTo(academy))} {
		h.send(h.client(m), m)
	}
	got := map[string]int64{}
	y.EachTenant(func(id string, action rewrite.Action, result string, n int64) {
		if n != 0 {
			got[id+" "+string(action)+" "+result] = n
		}
	})
	if want := map[string]int64{"club refuse refused": 1, "yourorg forward done": 1}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestTallyRecipients: each reason to refuse a recipient has a word, and any other is other.
func TestTallyRecipients(t *testing.T) {
	var y Tally
	for _, why := range []error{errGuessing, errRefused, errLetters, rewrite.ErrGone, rewrite.ErrLoop} {
		y.recipient(why)
	}
	y.EachRecipient(func(reason string, n int64) {
		want := int64(0)
		switch reason {
		case "guessing", "network", "letters", "gone", "other":
			want = 1
		}
		if n != want {
			t.Errorf("%s: %d, want %d", reason, n, want)
		}
	})
}

// TestTallyBounces: only failed deliveries count, by what the receiver said.
func TestTallyBounces(t *testing.T) {
	var y Tally
	y.bounced(failures(&message.StatusReader{Reports: []message.Report{
		{Action: "failed", Status: "5.1.1", Diagnostic: "smtp; 550 5.1.1 User unknown", Remote: "mx.receiver.example"},
		{Action: "failed", Diagnostic: "smtp; 599 words of somebody"},
		{Action: "delayed", Status: "4.1.1", Diagnostic: "smtp; 450 4.1.1 User unknown"},
	}}))
	y.EachBounce(func(class receivers.Class, n int64) {
		if is := class == receivers.Mailbox || class == receivers.Other; (n == 1) != is {
			t.Errorf("%s: %d", class, n)
		}
	})
}

// TestHistogram: a duration counts in its bucket and all longer ones.
func TestHistogram(t *testing.T) {
	var h Histogram
	for _, d := range []time.Duration{0, Bounds[0], Bounds[0] + 1, time.Hour} {
		h.Add(d)
	}
	d := h.Durations()
	if d.Count != 4 || d.Within[0] != 2 || d.Within[1] != 3 || d.Within[len(Bounds)-1] != 3 || d.Sum != time.Hour+2*Bounds[0]+1 {
		t.Errorf("%+v", d)
	}
}

// BenchmarkTally is what counting adds to a message.
func BenchmarkTally(b *testing.B) {
	var y Tally
	y.Follow([]string{"university", "yourorg"})
	t := &transaction{started: time.Now(), result: done, plan: rewrite.Plan{Row: rewrite.RowKeySPF, Action: rewrite.Keep, Tenant: "university"}}
	h := open(b)
	ring := h.Current().Ring()
	ids := h.Current().Table().Platform().Identities
	for b.Loop() {
		y.count(t)
		y.signed(ring, ids, time.Millisecond, nil)
	}
}
