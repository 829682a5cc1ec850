package setup

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

var atHome = Host{Name: "mail.courseware.nl", Addrs: []netip.Addr{netip.MustParseAddr("80.84.235.70")}}

// converse plays a person who types these lines.
func converse(given Answers, host Host, lines ...string) (Answers, string, error) {
	var out bytes.Buffer
	a, err := NewTalk(strings.NewReader(strings.Join(lines, "\n")+"\n"), &out).Ask(given, host)
	return a, out.String(), err
}

func TestAskDefaults(t *testing.T) {
	a, out, err := converse(Answers{}, atHome, "Courseware", "", "", "", "", "", "")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := good(); a.Name != want.Name || a.Domain != want.Domain || a.BounceDomain != want.BounceDomain || join(a.SendingIPs) != join(want.SendingIPs) || join(a.Selectors) != join(want.Selectors) {
		t.Errorf("%+v, want %+v", a, want)
	}
	for _, line := range strings.Split(out, "\n") {
		if len(line) > 100 {
			t.Errorf("a question is not one line: %s", line)
		}
	}
}

// TestAskAgain: what does not work is explained and asked again; what is odd is taken.
func TestAskAgain(t *testing.T) {
	a, out, err := converse(Answers{Selectors: []string{"s1", "s2"}}, Host{Name: "localhost"},
		"", "Courseware", "nl", "courseware.nl", "courseware.nl", "b.courseware.nl", "x@other.nl", "",
		"x@b.courseware.nl", "help@courseware.nl", "", "10.0.0.0/8", "10.0.0.1 80.84.235.70")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"write one.", `"nl" is`, "choose a name that nothing else uses", "write x@courseware.nl", "come back again",
		"None is offered: this host has no address", "is a network", "Taken, with a warning: 10.0.0.1 is a private address"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	if a.BounceDomain != "b.courseware.nl" || a.From != "noreply@courseware.nl" || a.BouncesTo != "help@courseware.nl" || join(a.SendingIPs) != "10.0.0.1, 80.84.235.70" {
		t.Errorf("%+v", a)
	}
	if strings.Contains(out, "Selectors") {
		t.Error("what a flag says is asked all the same")
	}
}

// TestAskLeft: the end of input at any question is no answer, nor is half a line.
func TestAskLeft(t *testing.T) {
	lines := []string{"Courseware", "", "", "", "", "", ""}
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
