package setup

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"onbehalf/postfix"
)

var atHome = Host{Name: "mail.courseware.nl", Addrs: []netip.Addr{netip.MustParseAddr("80.84.235.70")}}

// converse plays a person who types these lines.
func converse(given Answers, host Host, lines ...string) (Answers, string, error) {
	var out bytes.Buffer
	a, err := NewTalk(strings.NewReader(strings.Join(lines, "\n")+"\n"), &out).Ask(given, host)
	return a, out.String(), err
}

func TestAskDefaults(t *testing.T) {
	a, out, err := converse(Answers{}, atHome, "Courseware", "", "", "", "", "", "", "")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := good(); a.Name != want.Name || a.Domain != want.Domain || a.BounceDomain != want.BounceDomain || join(a.SendingIPs) != join(want.SendingIPs) || join(a.Selectors) != join(want.Selectors) {
		t.Errorf("%+v, want %+v", a, want)
	}
	for _, line := range strings.Split(out, "\n") {
		if _, typed, is := strings.Cut(line, "> "); is {
			line = typed // a test's terminal shows no Enter
		}
		if len(line) > 80 {
			t.Errorf("a question does not fit: %s", line)
		}
	}
}

// TestAskAgain: what does not work is explained and asked again; what is odd is taken.
func TestAskAgain(t *testing.T) {
	a, out, err := converse(Answers{Selectors: []string{"s1", "s2"}}, Host{Name: "localhost"},
		"", "Courseware", "nl", "courseware.nl", "courseware.nl", "b.courseware.nl", "x@other.nl", "",
		"x@b.courseware.nl", "help@courseware.nl", "", "10.0.0.0/8", "10.0.0.1 80.84.235.70", "10.0.0.1 80.84.235.70", "lms.courseware.nl", "10.1.0.0/16 10.2.3.4")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"write one.", `"nl" is`, "choose a name that nothing else uses", "write x@courseware.nl", "come back again",
		"None is offered: this host has no address", "is a network", `"lms.courseware.nl" is`, "SASL switched on nowhere", "Receivers do not see 10.0.0.1", "Taken, with a warning: 10.0.0.1 is a private address"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	if a.BounceDomain != "b.courseware.nl" || a.From != "noreply@courseware.nl" || a.BouncesTo != "help@courseware.nl" || join(a.SendingIPs) != "10.0.0.1, 80.84.235.70" || join(a.Trusted) != "10.1.0.0/16, 10.2.3.4" {
		t.Errorf("%+v", a)
	}
	if strings.Contains(out, "Selectors") {
		t.Error("what a flag says is asked all the same")
	}
}

// TestAskBehindNAT: what DNS says of the host is offered to a person, and taken from nobody else.
func TestAskBehindNAT(t *testing.T) {
	h := Host{Name: "mail.courseware.nl", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}, Named: []netip.Addr{netip.MustParseAddr("80.84.235.70")}}
	a, out, err := converse(Answers{}, h, "Courseware", "", "", "", "", "", "", "")
	if err != nil || join(a.SendingIPs) != "80.84.235.70" || !strings.Contains(out, "Offered is what DNS has for mail.courseware.nl") {
		t.Errorf("%v %v\n%s", a.SendingIPs, err, out)
	}
	if whole, missing := (Answers{Name: "x", Domain: "courseware.nl"}).Complete(h); join(missing) != "--sending-ip" {
		t.Errorf("%v is taken, and nobody was asked (%v)", whole.SendingIPs, missing)
	}
	h.Named = nil
	h.Name = "localhost"
	if h.AskDNS(t.Context()); len(h.Named) > 0 {
		t.Errorf("localhost has the public address %v", h.Named)
	}
}

// TestAskClients: what Postfix lets send is offered to a person, and to nobody else.
func TestAskClients(t *testing.T) {
	main := "mynetworks = 127.0.0.0/8 [::1]/128 10.1.0.0/16 [fd00:1::]/64 10.2.3.4\n"
	h := ThisHost(postfix.Parse(main, main, "submission/inet/smtpd_sasl_auth_enable = yes\n", "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n"))
	h.Name, h.Addrs = atHome.Name, atHome.Addrs
	a, out, err := converse(Answers{}, h, "Courseware", "", "", "", "", "", "", "")
	if err != nil || join(a.Trusted) != "10.1.0.0/16, fd00:1::/64, 10.2.3.4/32" {
		t.Errorf("%v %v\n%s", a.Trusted, err, out)
	}
	for _, want := range []string{"SASL, at submission/inet", "what mynetworks holds. Leave out gateways"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	if conf, findings := try(a); findings.Fatal() || len(conf.Platform.Trust.Networks) != 5 || join(AnswersOf(conf).Trusted) != join(a.Trusted) {
		t.Errorf("%v: %+v", findings, conf.Platform.Trust)
	}
	if whole, _ := (Answers{Domain: "courseware.nl"}).Complete(h); join(whole.Trusted) != NoNetwork {
		t.Errorf("trusted, and nobody was asked: %v", whole.Trusted)
	}
}

// TestAskLeft: the end of input at any question is no answer, nor is half a line.
func TestAskLeft(t *testing.T) {
	lines := []string{"Courseware", "", "", "", "", "", "", ""}
	for n := range lines {
		if _, _, err := converse(Answers{}, atHome, lines[:n]...); n > 0 && !errors.Is(err, ErrLeft) {
			t.Errorf("after %d answers: %v", n, err)
		}
	}
	if yes, err := NewTalk(strings.NewReader("y"), new(bytes.Buffer)).Agree("?", true); yes || !errors.Is(err, ErrLeft) {
		t.Errorf("half a line agrees: %v %v", yes, err)
	}
}

func TestAgree(t *testing.T) {
	for typed, want := range map[string]bool{"\n": true, "y\n": true, "YES\n": true, "n\n": false, "what\nno\n": false} {
		if yes, err := NewTalk(strings.NewReader(typed), new(bytes.Buffer)).Agree("?", true); yes != want || err != nil {
			t.Errorf("%q: %v %v", typed, yes, err)
		}
	}
}
