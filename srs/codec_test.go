package srs_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/srs"
)

const day = 24 * time.Hour

// today is day D5 as a stamp has it.
var today = time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC)

var home = must(message.ParseDomain("bounces.courseware.nl"))

// longID is the longest id that a tenant may have: its overflow address just fits.
var longID = strings.Repeat("x", 44)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func address(s string) message.Address { return must(message.ParseAddress(s)) }

// codec returns one that works some days after today, with these secrets.
func codec(days int, secrets ...string) srs.Codec {
	s := srs.Settings{MaxAge: 30 * day}
	for _, secret := range secrets {
		s.Secrets = append(s.Secrets, []byte(secret))
	}
	return srs.New(s, today.Add(time.Duration(days)*day))
}

func TestBounce(t *testing.T) {
	c := codec(0, "one")
	tests := []struct {
		name, sender string
		utf8         bool
		shape        string // of what is written; * stands for the check code
		leads        string // empty: to the tenant's bounces_to
	}{
		{"plain", "academy@example.org", false, "SRS0=*=D5=example.org=academy", "academy@example.org"},
		{"case is kept", "AcaDemy@Example.org", false, "SRS0=*=D5=example.org=AcaDemy", "AcaDemy@example.org"},
		{"equals signs", "a=b==c@example.org", false, "SRS0=*=D5=example.org=a=b==c", "a=b==c@example.org"},
		{"subaddress", "a+b-c@example.org", false, "SRS0=*=D5=example.org=a+b-c", "a+b-c@example.org"},
		{"quoted", `"a b"@example.org`, false, "SRS0=*=D5=example.org=a b", `"a b"@example.org`},
		{"dots where none belong", "a.@example.org", false, "SRS0=*=D5=example.org=a.", `"a."@example.org`},
		{"IDN", "a@münchen.example", false, "SRS0=*=D5=xn--mnchen-3ya.example=a", "a@münchen.example"},
		{"UTF-8 with SMTPUTF8", "jürgen@example.org", true, "SRS0=*=D5=example.org=jürgen", "jürgen@example.org"},
		{"UTF-8 without", "jürgen@example.org", false, "bounces+yourorg=*=D5", ""},
		{"64 octets in all", strings.Repeat("a", 35) + "@example.org", false, "SRS0=*=D5=example.org=" + strings.Repeat("a", 35), strings.Repeat("a", 35) + "@example.org"},
		{"65 octets in all", strings.Repeat("a", 36) + "@example.org", false, "bounces+yourorg=*=D5", ""},
		{"64 octets, but for the quotes", `"a ` + strings.Repeat("a", 33) + `"@example.org`, false, "bounces+yourorg=*=D5", ""},
		{"null", "", false, "bounces+yourorg=*=D5", ""},
		{"unqualified", "postmaster", false, "bounces+yourorg=*=D5", ""},
		{"address literal", "a@[192.0.2.1]", false, "bounces+yourorg=*=D5", ""},
		{"foreign SRS0", "SRS0=HHH=TT=orig.example=user@fwd.example", false, "SRS1=*=fwd.example==HHH=TT=orig.example=user", "SRS0=HHH=TT=orig.example=user@fwd.example"},
		{"foreign SRS0 in lower case", "srs0=hhh=tt=orig.example=user@fwd.example", false, "SRS1=*=fwd.example==hhh=tt=orig.example=user", "SRS0=hhh=tt=orig.example=user@fwd.example"},
		{"foreign SRS0 with a plus", "SRS0+HHH=TT=orig.example=user@fwd.example", false, "SRS1=*=fwd.example=+HHH=TT=orig.example=user", "SRS0+HHH=TT=orig.example=user@fwd.example"},
		{"foreign SRS1", "SRS1=HHH=first.example==GGG=TT=orig.example=u@fwd.example", false, "SRS1=*=first.example==GGG=TT=orig.example=u", "SRS0=GGG=TT=orig.example=u@first.example"},
		{"foreign SRS1 of an IDN", "SRS1=HHH=xn--bcher-kva.example==GGG=TT=o.example=u@fwd.example", false, "SRS1=*=xn--bcher-kva.example==GGG=TT=o.example=u", "SRS0=GGG=TT=o.example=u@bücher.example"},
		{"foreign SRS1 of a U-label", "SRS1=HHH=bücher.example==GGG=TT=o.example=u@fwd.example", true, "SRS1=*=xn--bcher-kva.example==GGG=TT=o.example=u", "SRS0=GGG=TT=o.example=u@bücher.example"},
		{"no SRS0", "SRS0=HHH@fwd.example", false, "SRS0=*=D5=fwd.example=SRS0=HHH", "SRS0=HHH@fwd.example"},
		{"no SRS0: two separators", "SRS0=HHH=TT@fwd.example", false, "SRS0=*=D5=fwd.example=SRS0=HHH=TT", "SRS0=HHH=TT@fwd.example"},
		{"SRS0 with three separators, which is as few as it can have", "SRS0=HHH=TT=o@fwd.example", false, "SRS1=*=fwd.example==HHH=TT=o", "SRS0=HHH=TT=o@fwd.example"},
		{"no SRS1: nothing to put behind SRS0", "SRS1=a=b.example=rest@fwd.example", false, "SRS0=*=D5=fwd.example=SRS1=a=b.example=rest", "SRS1=a=b.example=rest@fwd.example"},
		{"no SRS1: a separator and no more", "SRS1=a=b.example==@fwd.example", false, "SRS0=*=D5=fwd.example=SRS1=a=b.example==", "SRS1=a=b.example==@fwd.example"},
		{"no SRS1: no host", "SRS1=a=b+c==GGG=TT=o.x=u@f.example", false, "SRS0=*=D5=f.example=SRS1=a=b+c==GGG=TT=o.x=u", "SRS1=a=b+c==GGG=TT=o.x=u@f.example"},
		{"foreign SRS1 of a host with an underscore", "SRS1=HHH=mail_out.example==GGG=TT=o.example=u@fwd.example", false, "SRS1=*=mail_out.example==GGG=TT=o.example=u", "SRS0=GGG=TT=o.example=u@mail_out.example"},
		{"percent sign", "else%2bsomething@example.org", false, "SRS0=*=D5=example.org=else#252bsomething", "else%2bsomething@example.org"},
		{"exclamation mark", "news!jane@example.org", false, "SRS0=*=D5=example.org=news#21jane", "news!jane@example.org"},
		{"second at sign", `"a@b"@example.org`, false, "SRS0=*=D5=example.org=a#40b", `"a@b"@example.org`},
		{"number sign beside them", "a#25%@example.org", false, "SRS0=*=D5=example.org=a#2325#25", "a#25%@example.org"},
		{"number sign alone", "a#25@example.org", false, "SRS0=*=D5=example.org=a#25", "a#25@example.org"},
		{"foreign SRS0 with a route", "SRS0=HHH=TT=orig.example=user%x@fwd.example", false, "SRS1=*=fwd.example==HHH=TT=orig.example=user#25x", "SRS0=HHH=TT=orig.example=user%x@fwd.example"},
		{"too long with its escapes", "%" + strings.Repeat("a", 33) + "@example.org", false, "bounces+yourorg=*=D5", ""},
		{"host with an underscore", "root@my_host.example.org", false, "SRS0=*=D5=my_host.example.org=root", "root@my_host.example.org"},
		{"a word that starts with SRS0", "srs0nic@fwd.example", false, "SRS0=*=D5=fwd.example=srs0nic", "srs0nic@fwd.example"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			made := c.Bounce(message.ParsePath(test.sender), "yourorg", home, test.utf8)
			if got := withoutMAC(made.Local); got != test.shape || made.Domain != home {
				t.Errorf("%s at %s, want %s", got, made.Domain, test.shape)
			}
			if size := len(message.QuoteLocal(made.Local)); size > 64 {
				t.Errorf("%s is of %d octets", made, size)
			}
			want := srs.Decoded{Tenant: "yourorg"}
			if test.leads != "" {
				want = srs.Decoded{Address: address(test.leads)}
			}
			for _, spelling := range []string{made.Local, strings.ToUpper(made.Local), strings.ToLower(made.Local)} {
				got, err := c.Decode(message.Address{Local: spelling, Domain: home})
				if err != nil || !strings.EqualFold(got.Address.String(), want.Address.String()) || got.Tenant != want.Tenant || got.Reply {
					t.Errorf("%s leads to %+v, %v; want %+v", spelling, got, err, want)
				}
			}
			if got, _ := c.Decode(made); test.leads != "" && strings.ToUpper(test.sender[:4]) != "SRS0" && got != want {
				t.Errorf("%s leads to %+v, want %+v: case is lost", made, got, want)
			}
		})
	}
}

// withoutMAC puts * for the check code of a local part.
func withoutMAC(local string) string {
	parts := strings.SplitN(local, "=", 3)
	if len(parts) == 3 && parts[0] == "SRS1" && strings.HasSuffix(parts[1], "D5") {
		parts[1] = strings.TrimSuffix(parts[1], "D5")
	}
	if len(parts) < 3 || len(parts[1]) != 8 || strings.Trim(parts[1], "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return local
	}
	return parts[0] + "=*=" + parts[2]
}

func TestReply(t *testing.T) {
	c := codec(0, "one")
	tests := []struct{ name, author, shape string }{
		{"plain", "a@example.org", "reply=*=D5=example.org=a"},
		{"final dot", "a.@example.org", "reply=*=D5=example.org=a."},
		{"route", `"a%b!c@d#e"@example.org`, "reply=*=D5=example.org=a#25b#21c#40d#23e"},
		{"longest", strings.Repeat("a", 34) + "@example.org", "reply=*=D5=example.org=" + strings.Repeat("a", 34)},
		{"too long", strings.Repeat("a", 35) + "@example.org", ""},
		{"too long with its escapes", `"%` + strings.Repeat("a", 33) + `"@example.org`, ""},
		{"UTF-8", "jürgen@example.org", ""},
		{"nobody", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var author message.Address
			if test.author != "" {
				author = address(test.author)
			}
			made := c.Reply(author)
			if withoutMAC(made) != test.shape {
				t.Errorf("%s, want %s", made, test.shape)
			}
			if made == "" {
				return
			}
			if got, err := c.Decode(message.Address{Local: made, Domain: home}); err != nil || got != (srs.Decoded{Address: author, Reply: true}) {
				t.Errorf("%s leads to %+v, %v", made, got, err)
			}
		})
	}
	old := message.Address{Local: c.OldReply("yourorg"), Domain: home}
	if got, err := c.Decode(old); err != nil || got != (srs.Decoded{Tenant: "yourorg", Reply: true}) {
		t.Errorf("%s of an earlier version leads to %+v, %v", old, got, err)
	}
}

func TestOverflowFits(t *testing.T) {
	c := codec(0, "one")
	for _, id := range []string{"", "a", longID} {
		made := c.Bounce(message.Path{}, id, home, false)
		if got, err := c.Decode(made); err != nil || got != (srs.Decoded{Tenant: id}) || len(made.Local) > 64 {
			t.Errorf("%s (%d octets) leads to %+v, %v", made, len(made.Local), got, err)
		}
	}
}

func TestExpiry(t *testing.T) {
	bounce := codec(0, "one").Bounce(message.ParsePath("a@example.org"), "t", home, false)
	overflow := codec(0, "one").Bounce(message.Path{}, "t", home, false)
	foreign := codec(0, "one").Bounce(message.ParsePath("SRS0=H=T=o.example=u@f.example"), "t", home, false)
	reply := message.Address{Local: codec(0, "one").Reply(address("a@example.org")), Domain: home}
	replies := message.Address{Local: codec(0, "one").OldReply("t"), Domain: home}
	tests := []struct {
		days          int
		bounce, reply error
	}{
		{0, nil, nil},
		{-1, nil, nil}, // clocks differ
		{-2, srs.ErrExpired, nil},
		{1, nil, nil},
		{30, nil, nil},
		{31, srs.ErrExpired, nil},
		{500, srs.ErrExpired, nil},
		{1022, srs.ErrExpired, nil},
		{1023, srs.ErrForged, srs.ErrForged}, // the stamp comes round, and is of another round
		{1024, srs.ErrForged, srs.ErrForged},
		{1024 + 30, srs.ErrForged, srs.ErrForged},
		{1024 + 31, srs.ErrForged, srs.ErrForged},
	}
	for _, test := range tests {
		c := codec(test.days, "one")
		for _, a := range []message.Address{bounce, overflow} {
			if _, err := c.Decode(a); !errors.Is(err, test.bounce) {
				t.Errorf("%s, %d days later: %v, want %v", a, test.days, err, test.bounce)
			}
		}
		for _, a := range []message.Address{reply, replies} {
			if _, err := c.Decode(a); !errors.Is(err, test.reply) {
				t.Errorf("%s, %d days later: %v, want %v", a, test.days, err, test.reply)
			}
		}
		if _, err := c.Decode(foreign); !errors.Is(err, test.bounce) {
			t.Errorf("SRS1, %d days later: %v, want %v", test.days, err, test.bounce)
		}
	}
}

// TestDayBorder: a day is one of UTC, whatever the zone of the clock.
func TestDayBorder(t *testing.T) {
	settings := srs.Settings{Secrets: [][]byte{[]byte("one")}, MaxAge: day}
	midnight := time.Date(2026, time.June, 2, 0, 0, 0, 0, time.UTC)
	made := srs.New(settings, midnight.Add(-time.Nanosecond)).Bounce(message.ParsePath("a@x.example"), "", home, false)
	zone := time.FixedZone("east", 5*60*60)
	for _, test := range []struct {
		now  time.Time
		want error
	}{
		{midnight, nil}, {midnight.Add(day - time.Nanosecond), nil}, {midnight.Add(day), srs.ErrExpired}, {midnight.Add(day - time.Nanosecond).In(zone), nil},
	} {
		if _, err := srs.New(settings, test.now).Decode(made); !errors.Is(err, test.want) {
			t.Errorf("at %s: %v, want %v", test.now, err, test.want)
		}
	}
	if early := srs.New(settings, time.Time{}); early.Bounce(message.ParsePath("a@x.example"), "", home, false).IsZero() {
		t.Error("no address in the year 1")
	}
}

func TestStampWraps(t *testing.T) {
	stamps := make(map[string]bool)
	for i := range 1024 {
		stamps[strings.Split(codec(i, "one").Bounce(message.ParsePath("a@x.example"), "", home, false).Local, "=")[2]] = true
	}
	if len(stamps) != 1024 {
		t.Errorf("%d days have %d stamps", 1024, len(stamps))
	}
	sender := message.ParsePath("a@x.example")
	for _, one := range []string{"a@x.example", "SRS0=HHH=TT=orig.example=user@fwd.example", ""} {
		made := codec(0, "one").Bounce(message.ParsePath(one), "", home, false)
		again := codec(1024, "one")
		if same := again.Bounce(message.ParsePath(one), "", home, false); len(same.Local) != len(made.Local) || same == made {
			t.Errorf("%s is %s after 1024 days", made, same)
		}
		for days := 1000; days < 3000; days++ {
			if d, err := codec(days, "one").Decode(made); err == nil {
				t.Fatalf("%s is good again after %d days: %+v", made, days, d)
			}
		}
	}
	for days := range 3000 { // at every border of a round
		made := codec(days, "one").Bounce(sender, "", home, false)
		for _, later := range []int{-1, 0, 1, 30} {
			if _, err := codec(days+later, "one").Decode(made); err != nil {
				t.Fatalf("made on day %d, %d days later: %v", days, later, err)
			}
		}
	}
}

func TestSecrets(t *testing.T) {
	sender := message.ParsePath("a@x.example")
	old, rotated := codec(0, "one"), codec(0, "two", "one", "zero")
	if got, want := rotated.Bounce(sender, "", home, false), codec(0, "two").Bounce(sender, "", home, false); got != want {
		t.Errorf("signed as %s, the first secret gives %s", got, want)
	}
	for _, c := range []srs.Codec{old, codec(0, "two"), codec(0, "zero")} {
		if _, err := rotated.Decode(c.Bounce(sender, "", home, false)); err != nil {
			t.Error(err)
		}
	}
	if _, err := old.Decode(rotated.Bounce(sender, "", home, false)); !errors.Is(err, srs.ErrForged) {
		t.Errorf("a secret that is gone: %v", err)
	}
}

// made returns an address of each kind.
func made(c srs.Codec) map[string]message.Address {
	return map[string]message.Address{
		"bounce":         c.Bounce(message.ParsePath("ann@example.org"), "t", home, false),
		"srs1":           c.Bounce(message.ParsePath("SRS0=HHH=TT=orig.example=user@fwd.example"), "t", home, false),
		"overflow":       c.Bounce(message.Path{}, "yourorg", home, false),
		"reply":          {Local: c.Reply(address("ann@example.org")), Domain: home},
		"reply overflow": {Local: c.OldReply("yourorg"), Domain: home},
	}
}

// TestTampering changes, takes out and puts in an octet at every place of an
// address of every kind. What is left must be an error, or the same address.
func TestTampering(t *testing.T) {
	c := codec(0, "one", "two")
	for kind, a := range made(c) {
		want, err := c.Decode(a)
		if err != nil {
			t.Fatal(kind, err)
		}
		forged := 0
		check := func(local string) {
			got, err := c.Decode(message.Address{Local: local, Domain: home})
			switch {
			case errors.Is(err, srs.ErrForged):
				forged++
			case errors.Is(err, srs.ErrNotOurs):
			case err != nil:
				t.Errorf("%s: %q: %v", kind, local, err)
			case got.Reply != want.Reply || !strings.EqualFold(got.Tenant+got.Address.String(), want.Tenant+want.Address.String()):
				// The separator behind SRS0 has three spellings.
				if tag := strings.ToUpper(local[:3]); tag != "SRS" || local[5:] != a.Local[5:] {
					t.Errorf("%s: %q leads to %+v", kind, local, got)
				}
			}
		}
		for i := range a.Local {
			check(a.Local[:i] + a.Local[i+1:])
			for b := range 128 {
				if r := string(rune(b)); !strings.EqualFold(r, a.Local[i:i+1]) {
					check(a.Local[:i] + r + a.Local[i+1:])
					check(a.Local[:i] + r + a.Local[i:])
				}
			}
		}
		if forged == 0 {
			t.Errorf("%s: nothing was forged", kind)
		}
	}
}

// TestPurposesDoNotMix puts the check code and the rest of each kind of address
// into the form of each other.
func TestPurposesDoNotMix(t *testing.T) {
	c := codec(0, "one")
	all := made(c)
	// one author, one id: what differs is the purpose alone
	forms := map[string]func(mac string) string{
		"bounce":         func(mac string) string { return "SRS0=" + mac + "=D5=example.org=ann" },
		"reply":          func(mac string) string { return "reply=" + mac + "=D5=example.org=ann" },
		"overflow":       func(mac string) string { return "bounces+yourorg=" + mac + "=D5" },
		"reply overflow": func(mac string) string { return "reply+yourorg=" + mac + "=D5" },
		"srs1":           func(mac string) string { return "SRS1=" + mac + "=fwd.example==HHH=TT=orig.example=user" },
	}
	for from, a := range all {
		mac := strings.Split(a.Local, "=")[1]
		for to, form := range forms {
			_, err := c.Decode(message.Address{Local: form(mac), Domain: home})
			if from == to && err != nil {
				t.Errorf("%s is %v", from, err)
			}
			if from != to && !errors.Is(err, srs.ErrForged) {
				t.Errorf("the code of a %s address in a %s one: %v", from, to, err)
			}
		}
	}
}

// TestPartsDoNotRun: what stands in one part does not count for its neighbour.
func TestPartsDoNotRun(t *testing.T) {
	c := codec(0, "one")
	seen := make(map[string]string)
	for _, a := range []string{"b=c@a.example", "c@a.example", "=c@a.example", "a.example=c@a.example", "c=c@a.example"} {
		mac := strings.Split(c.Bounce(message.ParsePath(a), "", home, false).Local, "=")[1]
		if other, found := seen[mac]; found {
			t.Errorf("%s and %s have one check code", a, other)
		}
		seen[mac] = a
	}
}

func TestDecodeErrors(t *testing.T) {
	c := codec(0, "one")
	for local, want := range map[string]error{
		"academy": srs.ErrNotOurs, "postmaster": srs.ErrNotOurs, "SRS0": srs.ErrNotOurs, "SRS0=": srs.ErrNotOurs, "SRS0==": srs.ErrNotOurs,
		"SRS0=a=b=c": srs.ErrNotOurs, "SRS0=a=D5=x.example=": srs.ErrNotOurs, "SRS0=a=D5=x_y=u": srs.ErrForged, "SRS0=a=D5=x+y=u": srs.ErrNotOurs, "SRS0=a=D5=x.example=u": srs.ErrForged,
		"SRS0=aaaaaaaa=D5=x.example=u": srs.ErrForged, "SRS1=a=b": srs.ErrNotOurs, "SRS1=a=x.example=u": srs.ErrNotOurs, "SRS1=a=x.example==u": srs.ErrForged, "SRS1=a=x+y==u": srs.ErrNotOurs,
		"SRS1=a=x.example==": srs.ErrNotOurs, "SRS2=a=D5=x.example=u": srs.ErrNotOurs, "bounces": srs.ErrNotOurs, "bounces=": srs.ErrNotOurs,
		"bounces+": srs.ErrNotOurs, "bounces+t=": srs.ErrNotOurs, "bounces+t==": srs.ErrForged, "bounces+t=a=D5": srs.ErrForged, "reply": srs.ErrNotOurs,
		"reply+t": srs.ErrNotOurs, "replies=a=D5=x.example=u": srs.ErrNotOurs, "SRS0x": srs.ErrNotOurs, "SRS0/a=D5=x.example=u": srs.ErrNotOurs,
		"reply+t=a=D5": srs.ErrForged, "reply=a=D5=x.example=u": srs.ErrForged, "reply=": srs.ErrNotOurs, "": srs.ErrNotOurs,
	} {
		if got, err := c.Decode(message.Address{Local: local, Domain: home}); !errors.Is(err, want) || got != (srs.Decoded{}) {
			t.Errorf("%q: %+v, %v, want %v", local, got, err, want)
		}
	}
}

// FuzzDecode makes an address from what it is given, and also takes that itself for
// one. Whatever can be decoded must be, up to case and the separator behind SRS0,
// what would be made for where it leads.
func FuzzDecode(f *testing.F) {
	c := codec(0, "one")
	for _, a := range made(c) {
		f.Add(a.Local, "example.org", uint16(0))
	}
	for _, s := range []string{"a", "SRS0=H=T=o.example=u", "SRS1=H=h.example==G=T=o=u", "SRS1=H=h.example=x", "srs0+a===", "a=b", "jürgen", "\u212a", "\u0130", "a b", ".", "a%b!c@d#e", "SRS0=H=T=o.example=u%#"} {
		f.Add(s, "münchen.example", uint16(0x2110))
	}
	f.Add("SRS0=H=T=o.example=u", "mail_out.forwarder.example", uint16(0)) // hosts have underscores, where domains have none
	f.Fuzz(func(t *testing.T, local, name string, change uint16) {
		if decoded, err := c.Decode(message.Address{Local: local, Domain: home}); err == nil {
			checkMadeAgain(t, c, local, decoded)
		}
		original, err := message.ParseAddress(message.QuoteLocal(local) + "@" + name)
		if err != nil {
			return
		}
		for _, a := range []message.Address{
			c.Bounce(message.PathOf(original), "yourorg", home, true), {Local: c.Reply(original), Domain: home},
		} {
			if a.Local == "" { // no reply address fits
				continue
			}
			if strings.ContainsAny(a.Local, "%!@") {
				t.Fatalf("Postfix takes %q for a route", a)
			}
			decoded, err := c.Decode(a)
			if err != nil {
				t.Fatalf("%q is made for %q and cannot be read: %v", a, original, err)
			}
			if got := decoded.Address; !got.IsZero() && !strings.HasPrefix(a.Local, "SRS1") && got != original {
				t.Fatalf("%q is made for %q and leads to %q", a, original, got)
			}
			checkMadeAgain(t, c, a.Local, decoded)
			changed := []byte(a.Local)
			changed[int(change>>8)%len(changed)] ^= byte(change)
			if decoded, err := c.Decode(message.Address{Local: string(changed), Domain: home}); err == nil {
				checkMadeAgain(t, c, string(changed), decoded)
			}
		}
	})
}

func checkMadeAgain(t *testing.T, c srs.Codec, local string, d srs.Decoded) {
	t.Helper()
	var again string
	switch {
	case d.Reply:
		if again = c.Reply(d.Address); d.Address.IsZero() {
			again = c.OldReply(d.Tenant)
		}
	case d.Address.IsZero():
		again = c.Bounce(message.Path{}, d.Tenant, home, true).Local
	case strings.EqualFold(local[:4], "SRS1"): // of any SRS1, for its rest need not have the shape of an SRS0
		foreign := message.Address{Local: "SRS1=x=" + d.Address.Domain.String() + "=" + d.Address.Local[4:], Domain: home}
		again = c.Bounce(message.PathOf(foreign), "", home, true).Local
	default:
		again = c.Bounce(message.PathOf(d.Address), "", home, true).Local
	}
	if len(local) > 5 && strings.EqualFold(local[:3], "SRS") && strings.ContainsRune("+-", rune(local[4])) {
		local = local[:4] + "=" + local[5:]
	}
	if !strings.EqualFold(strings.ToLower(again), strings.ToLower(local)) {
		t.Fatalf("%q leads to %+v, for which %q is made", local, d, again)
	}
}

func BenchmarkCodec(b *testing.B) {
	c := codec(0, "a secret of some thirty-two octets")
	sender := message.ParsePath("academy@yourorganisationname.nl")
	a := c.Bounce(sender, "yourorg", home, false)
	b.Run("Bounce", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Bounce(sender, "yourorg", home, false)
		}
	})
	b.Run("Decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Decode(a); err != nil {
				b.Fatal(err)
			}
		}
	})
	three := codec(0, "the newest secret of them all", "the one before", "a secret of some thirty-two octets")
	b.Run("Decode with the third secret", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := three.Decode(a); err != nil {
				b.Fatal(err)
			}
		}
	})
}
