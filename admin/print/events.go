package print

import (
	"io"
	"net/netip"
	"strconv"
	"time"

	"onbehalf/events"
	"onbehalf/term"
)

// Events prints events, in the order given, each with what it says.
func Events(out io.Writer, all []events.Event) {
	p := printer{term.New(out), time.Time{}}
	for _, e := range all {
		p.Line("%s  %s  %s%s", e.At.Local().Format("2006-01-02 15:04:05 -0700"), e.Severity, e.Type, about(e.Data))
		for _, text := range []string{e.Data.Reason, e.Data.Fix} {
			if text != "" {
				p.Behind("    ", "    ", text)
			}
		}
	}
}

// about says in a few words whom and what an event is about.
func about(d events.Data) (text string) {
	add := func(label, value string) {
		if value != "" {
			text += "  " + label + value
		}
	}
	add("tenant ", d.Tenant)
	add("", d.Domain)
	add("", d.Mechanism)
	if d.Before+d.After != "" {
		add("", d.Before+" -> "+d.After)
	}
	add("at ", d.Receiver)
	add("as ", d.Of)
	add("client ", d.Client)
	add("login ", d.Login)
	if d.Network != (netip.Prefix{}) {
		add("", d.Network.String())
	}
	add("", d.Path)
	add("", d.Limit)
	if d.Most > 0 {
		add("", strconv.FormatInt(d.Used, 10)+" of "+strconv.FormatInt(d.Most, 10))
	}
	if !d.Due.IsZero() {
		add("due ", stamp(d.Due))
	}
	return text
}

// Tests prints what became of a test event.
func Tests(out io.Writer, all []events.Tried) {
	p := printer{term.New(out), time.Time{}}
	for _, one := range all {
		verdict := "took it"
		if !one.OK {
			verdict = "DID NOT TAKE IT"
		}
		p.Item(one.Sink, beside, "%s, in %d ms (%s): %s", verdict, one.Milliseconds, one.Target, one.Answer)
	}
}
