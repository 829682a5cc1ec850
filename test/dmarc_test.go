package test

import (
	"fmt"
	"strings"
	"testing"

	"onbehalf/dmarc"
	"onbehalf/message"
	"onbehalf/test/verify"
)

// TestPlatformsOwnDMARC: mail in the platform's name authenticates under any DMARC record of the
// platform, with platform.from below platform.domain too. What a real Postfix delivers is verified
// by dkimpy and judged by OpenDMARC; package dmarc agrees with it.
func TestPlatformsOwnDMARC(t *testing.T) {
	const author, org = "via.courseware.nl", "courseware.nl"
	h := build(t)
	c := find(t, "from-template")
	h.play(c)
	if reply := send(h.dial(t, c.Message), c.Message, c.Octets()); !reply.OK() {
		t.Fatalf("answered %s", reply)
	}
	got := take(t, h.sink.Wait(t, 1)[0])
	h.compare(t, got, c.Message, c.Body)
	from, _ := got.header.Get("From")
	if !strings.Contains(from.Text(), "@"+author+">") {
		t.Fatalf("From is %s", from.Text())
	}
	mail := verify.Authenticated{Author: author, SPF: message.ParsePath(got.ReversePath).Address.Domain.String()}
	for _, result := range verify.DKIMPy(t, h.nameserver.Addr, got.Data) {
		if result.Verdict == verify.OK {
			mail.DKIM = append(mail.DKIM, result.Domain)
		}
	}
	for _, test := range []struct{ at, record string }{
		{org, "v=DMARC1; p=reject"},
		{org, "v=DMARC1; p=reject; adkim=s"},
		{org, "v=DMARC1; p=none; sp=reject; adkim=s; aspf=s"},
		{author, "v=DMARC1; p=quarantine; adkim=s; aspf=s"},
	} {
		mail.At, mail.Record = test.at, test.record
		judged := func(what string, a verify.Authenticated, passes bool) {
			t.Helper()
			theirs, ours := verify.OpenDMARC(t, a), passesDMARC(t, a)
			if (theirs == "pass") != passes || ours != passes {
				t.Errorf("%s, under %q at %s: OpenDMARC says %s, we say pass is %v; want %v", what, a.Record, a.At, theirs, ours, passes)
			}
		}
		judged(fmt.Sprintf("signed as %s", mail.DKIM), mail, true)
		alone := mail
		alone.DKIM = []string{org}
		judged("signed as platform.domain alone, from a bounce address", alone, !strings.Contains(test.record, "aspf=s") || !strings.Contains(test.record, "adkim=s"))
		alone.SPF = "elsewhere.example"
		judged("signed as platform.domain alone", alone, !strings.Contains(test.record, "adkim=s"))
		alone.DKIM = []string{author}
		judged("signed as the domain in From alone", alone, true)
		alone.DKIM = nil
		judged("not signed", alone, false)
	}
}

// passesDMARC judges by package dmarc.
func passesDMARC(t *testing.T, a verify.Authenticated) bool {
	t.Helper()
	parse := func(name string) message.Domain {
		d, err := message.ParseDomain(name)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	record, err := dmarc.Parse(a.Record)
	if err != nil {
		t.Fatal(err)
	}
	at := dmarc.Published{Domain: parse(a.At), Record: record}
	author := dmarc.Author{Domain: parse(a.Author), Asks: at.AsksOf(parse(a.Author), true)}
	passes := author.Aligned(dmarc.SPF, dmarc.Authenticated{Domain: parse(a.SPF)})
	for _, sdid := range a.DKIM {
		passes = passes || author.Aligned(dmarc.DKIM, dmarc.Authenticated{Domain: parse(sdid)})
	}
	return passes
}
