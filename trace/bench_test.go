package trace

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// format is how a generated log is written.
type format string

const (
	iso     format = "iso"
	yearful format = "traditional"
	journal format = "journal"
)

// generated is a log of so many lines, seven for each message: written as it is read, for a million
// of them is a quarter of a gigabyte.
type generated struct {
	format format
	lines  int

	random  *rand.Rand
	message int
	pending []byte
}

func newGenerated(f format, lines int) *generated {
	return &generated{format: f, lines: lines, random: rand.New(rand.NewPCG(1, 2))}
}

var began = time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)

func (g *generated) Read(p []byte) (int, error) {
	for len(g.pending) == 0 {
		if g.lines <= 0 {
			return 0, io.EOF
		}
		g.write()
	}
	n := copy(p, g.pending)
	g.pending = g.pending[n:]
	return n, nil
}

// write adds a message, of which one in fifty is deferred first and one in twenty refused.
func (g *generated) write() {
	g.pending = g.pending[:0]
	id := fmt.Sprintf("4jZw%09dz1VJwp", g.message)
	to := fmt.Sprintf("student%d@receiver%d.example", g.random.IntN(50000), g.random.IntN(300))
	from := fmt.Sprintf("SRS0=cx6zzieh=D5=school%d.example=academy@bounces.courseware.nl", g.random.IntN(500))
	g.line("postfix/smtpd", id+": client=lms.courseware.nl[192.0.2.10], sasl_method=PLAIN, sasl_username=lms")
	g.line("postfix/cleanup", fmt.Sprintf("%s: message-id=<%d@courseware.nl>", id, g.message))
	g.line("onbehalf", fmt.Sprintf(`time=2026-11-26T00:00:00Z level=INFO msg=message queue_id=%s row="6 on-behalf" action=rewrite reason="the author's domain has not authorized us" result=done tenant=school rewrote="sender, change From, add X-Original-From, add Reply-To" signed=cw1._domainkey.courseware.nl new_sender=%q from="Academy <academy@school.example>" sender=academy@school.example recipients=1 client=192.0.2.10 login=lms duration=2ms`, id, from))
	g.line("postfix/qmgr", id+": from=<"+from+">, size=1424, nrcpt=1 (queue active)")
	status := "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as CB3EAA522F0)"
	switch g.message % 50 {
	case 0:
		g.line("postfix/smtp", id+": to=<"+to+">, relay=mx.receiver.example[203.0.113.25]:25, delay=0.36, delays=0.03/0.1/0.2/0.04, dsn=4.7.1, status=deferred (host mx.receiver.example[203.0.113.25] said: 451 4.7.1 first seen, come again (in reply to RCPT TO command))")
	case 1, 2:
		status = "dsn=5.1.1, status=bounced (host mx.receiver.example[203.0.113.25] said: 550 5.1.1 no such mailbox here (in reply to RCPT TO command))"
	}
	g.line("postfix/smtp", id+": to=<"+to+">, relay=mx.receiver.example[203.0.113.25]:25, delay=0.36, delays=0.03/0.1/0.2/0.04, "+status)
	g.line("postfix/qmgr", id+": removed")
	g.line("postfix/smtpd", "disconnect from lms.courseware.nl[192.0.2.10] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5")
	g.message++
}

func (g *generated) line(program, text string) {
	at := began.Add(time.Duration(g.message) * 100 * time.Millisecond)
	g.lines--
	switch g.format {
	case iso:
		g.pending = fmt.Appendf(g.pending, "%s mail %s[26413]: %s\n", at.Format("2006-01-02T15:04:05.000000-07:00"), program, text)
	case yearful:
		g.pending = fmt.Appendf(g.pending, "%s mail %s[26413]: %s\n", at.Format(time.Stamp), program, text)
	case journal:
		g.pending = fmt.Appendf(g.pending, `{"SYSLOG_IDENTIFIER":%q,"_BOOT_ID":"f00f00f00f00f00f00f00f00f00f00f0","__CURSOR":"s=8e5c1c5a4c4e4a0f8ecb;i=1a2b3c;b=f00f00;m=1234567;t=5f00;x=9e00","__MONOTONIC_TIMESTAMP":"123456789","__REALTIME_TIMESTAMP":"%d","MESSAGE":%s}`+"\n",
			program, at.UnixMicro(), strconv.Quote(text))
	}
}

// BenchmarkMillionLines looks for one message in a million lines, with what it takes to make them
// up taken off, and reports how much memory was in use at the end.
func BenchmarkMillionLines(b *testing.B) {
	const lines = 1_000_000
	q, err := ParseQuery("<123456@courseware.nl>")
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range []format{iso, yearful, journal} {
		b.Run(string(f), func(b *testing.B) {
			for b.Loop() {
				began := time.Now()
				io.Copy(io.Discard, newGenerated(f, lines))
				making := time.Since(began)
				began = time.Now()
				found := Search(q, Options{}, Source{Name: "log", In: newGenerated(f, lines), End: written})
				b.ReportMetric((time.Since(began) - making).Seconds(), "s/million")
				var memory runtime.MemStats
				runtime.ReadMemStats(&memory)
				b.ReportMetric(float64(memory.HeapSys)/(1<<20), "MiB")
				if len(found.Stories) != 1 || found.Lines < lines {
					b.Fatalf("%d stories in %d lines", len(found.Stories), found.Lines)
				}
			}
		})
	}
}
