package srs_test

import (
	"errors"
	"strings"
	"testing"

	"onbehalf/message"
	"onbehalf/srs"
)

// TestBounceAt: an address of ours is not wrapped again, whoever has had it meanwhile.
func TestBounceAt(t *testing.T) {
	c := codec(0, "one")
	path := must(message.ParseDomain("bounce.example.org"))
	ours := func(d message.Domain) bool { return d == home || d == path }
	made := func(sender string, at message.Domain) string {
		return c.Bounce(message.ParsePath(sender), "t", at, false).String()
	}
	overflow := c.Overflow("t", home).String()
	shortened := func(of string) string { // as another forwarder does
		local, domain, _ := strings.Cut(of, "@")
		return "SRS1=HHH=" + domain + "=" + strings.TrimPrefix(local, "SRS0") + "@fwd.example"
	}
	tests := []struct{ name, sender, want string }{
		{"a stranger's", "a@example.org", made("a@example.org", home)},
		{"ours, at the domain", made("a@example.org", home), made("a@example.org", home)},
		{"ours, at another domain of ours", made("a@example.org", path), made("a@example.org", home)},
		{"overflow, at the domain", overflow, overflow},
		{"another tenant's overflow, at the domain", c.Overflow("other", home).String(), c.Overflow("other", home).String()},
		{"overflow, at another domain of ours", c.Overflow("t", path).String(), overflow},
		{"at our domain, and forged", "SRS0=aaaaaaaa=D5=example.org=a@bounces.courseware.nl", overflow},
		{"at our domain, and no bounce address", "jane@bounces.courseware.nl", overflow},
		{"null", "", overflow},
		{"ours, shortened by a forwarder", shortened(made("a@example.org", home)), made("a@example.org", home)},
		{"ours, forged, shortened by a forwarder", shortened("SRS0=aaaaaaaa=D5=example.org=a@bounces.courseware.nl"), overflow},
		{"a stranger's, shortened by a forwarder", "SRS1=HHH=first.example==GGG=TT=o.example=u@fwd.example", made("SRS1=HHH=first.example==GGG=TT=o.example=u@fwd.example", home)},
		{"a stranger's form at another host", made("a@example.org", must(message.ParseDomain("fwd.example"))), made(made("a@example.org", must(message.ParseDomain("fwd.example"))), home)},
	}
	for _, test := range tests {
		if got := c.BounceAt(message.ParsePath(test.sender), "t", home, false, ours).String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestLooksLikeReply(t *testing.T) {
	c := codec(0, "one")
	for local, want := range map[string]bool{
		c.Reply(address("a@example.org")): true, strings.ToUpper(c.Reply(address("a=b@example.org"))): true, c.OldReply("t"): true, "reply=": true,
		"reply": false, "replies=a": false, "reply+jane": false, "reply+jane=x": false, "reply+a=b=c=d": false, "jane=a=b": false, "noreply=a": false, "": false,
	} {
		if srs.LooksLikeReply(local) != want {
			t.Errorf("%q: %v", local, !want)
		}
	}
}

// TestClassic: addresses that another daemon makes with our secret.
func TestClassic(t *testing.T) {
	with := func(classic bool, least int, secrets ...string) srs.Codec {
		s := srs.Settings{MaxAge: 30 * day, Classic: classic, ClassicHashMin: least}
		for _, secret := range secrets {
			s.Secrets = append(s.Secrets, []byte(secret))
		}
		return srs.New(s, today)
	}
	author := address("Ann@example.org")
	long := with(true, 27, "one").ClassicBounce(author, home) // the whole hash
	parts := strings.SplitN(long.Local, "=", 3)
	hash, rest := parts[1], parts[2]
	if len(hash) != 27 {
		t.Fatalf("%s has a hash of %d characters", long, len(hash))
	}
	for _, test := range []struct {
		name  string
		codec srs.Codec
		local string
		want  error
	}{
		{"the whole hash", with(true, 0, "one"), "SRS0=" + hash + "=" + rest, nil},
		{"four characters", with(true, 0, "one"), "SRS0=" + hash[:4] + "=" + rest, nil},
		{"in other case", with(true, 0, "one"), "srs0=" + strings.ToUpper(hash[:6]) + "=" + strings.ToUpper(rest), nil},
		{"an old secret", with(true, 0, "two", "one"), "SRS0=" + hash[:4] + "=" + rest, nil},
		{"three characters", with(true, 0, "one"), "SRS0=" + hash[:3] + "=" + rest, srs.ErrForged},
		{"fewer than wanted", with(true, 8, "one"), "SRS0=" + hash[:7] + "=" + rest, srs.ErrForged},
		{"as many as wanted", with(true, 8, "one"), "SRS0=" + hash[:8] + "=" + rest, nil},
		{"more than there are", with(true, 0, "one"), "SRS0=" + hash + "xx=" + rest, srs.ErrForged},
		{"another hash", with(true, 0, "one"), "SRS0=AAAA=" + rest, srs.ErrForged},
		{"another secret", with(true, 0, "two"), "SRS0=" + hash[:4] + "=" + rest, srs.ErrForged},
		{"not accepted", with(false, 0, "one"), "SRS0=" + hash + "=" + rest, srs.ErrForged},
		{"as a reply address", with(true, 0, "one"), "reply=" + hash + "=" + rest, srs.ErrForged},
	} {
		got, err := test.codec.Decode(message.Address{Local: test.local, Domain: home})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if test.want == nil && (!strings.EqualFold(got.Address.String(), author.String()) || !got.Classic || got.Reply) {
			t.Errorf("%s leads to %+v", test.name, got)
		}
	}
}

// TestOverflowSpelling: the check code of an overflow address is good in its own form alone.
func TestOverflowSpelling(t *testing.T) {
	c := codec(0, "one")
	for made, changed := range map[string][2]string{
		c.Overflow("", home).Local: {"bounces+=", "bounces="}, c.Overflow("t", home).Local: {"bounces+", "letters+"},
	} {
		local := strings.Replace(made, changed[0], changed[1], 1)
		if d, err := c.Decode(message.Address{Local: local, Domain: home}); !errors.Is(err, srs.ErrNotOurs) || local == made {
			t.Errorf("%s leads to %+v, %v", local, d, err)
		}
	}
}
