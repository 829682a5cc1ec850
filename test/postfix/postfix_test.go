package postfix

import (
	"bytes"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

const header = "From: Academy <academy@yourorganisationname.nl>\r\n" +
	"To: student@example.net\r\n" +
	"Subject:  your course\r\n\tstarts  today \r\n" +
	"Date: Mon, 02 Jan 2006 15:04:05 +0000\r\n" +
	"Message-ID: <1@yourorganisationname.nl>\r\n" +
	"\r\n"

// sansReceived takes away the field that Postfix puts on top, and fails without it.
func sansReceived(t *testing.T, data []byte) string {
	t.Helper()
	if !bytes.HasPrefix(data, []byte("Received: ")) {
		t.Fatalf("no Received field at the top of %q", data)
	}
	for {
		_, data, _ = bytes.Cut(data, []byte("\r\n"))
		if len(data) == 0 || data[0] != ' ' && data[0] != '\t' {
			return string(data)
		}
	}
}

// One Postfix serves all tests that need no settings of their own: it takes a
// second to start and one to stop.
func TestPlainRelay(t *testing.T) {
	t.Parallel()
	sink := StartSink(t)
	in := Start(t, Options{NextHop: sink.Addr})
	for name, test := range map[string]func(*testing.T, *Instance, *Sink){
		"SMTP":     testSMTP,
		"Envelope": testEnvelope,
		"XClient":  testXClient,
		"Sendmail": testSendmail,
		"Bounce":   testBounce,
	} {
		t.Run(name, func(t *testing.T) { test(t, in, sink) })
	}
}

func testSMTP(t *testing.T, in *Instance, sink *Sink) {
	c := Dial(t, in.SMTPAddr)
	bodies := []struct{ name, sent, want string }{
		{"plain", "text\r\n", "text\r\n"},
		{"dots", ".\r\n..\r\n.x\r\nx.\r\n", ".\r\n..\r\n.x\r\nx.\r\n"},
		{"blank lines at the end", "text\r\n\r\n \r\n\r\n", "text\r\n\r\n \r\n\r\n"},
		{"8-bit", "caf\xe9 \xe2\x82\xac \x00\r\n", "caf\xe9 \xe2\x82\xac \x00\r\n"},
		{"empty", "", ""},
		{"no final line end", "text", "text\r\n"},
	}
	for _, body := range bodies {
		t.Run(body.name, func(t *testing.T) {
			if r := c.Send("academy@yourorganisationname.nl", []string{"student@example.net"}, []byte(header+body.sent)); !r.OK() {
				t.Fatal(r)
			}
			got := sansReceived(t, sink.Wait(t, 1)[0].Data)
			if want := header + body.want; got != want {
				t.Errorf("arrived:\n%q\nwant:\n%q", got, want)
			}
		})
	}
}

func testEnvelope(t *testing.T, in *Instance, sink *Sink) {
	c := Dial(t, in.SMTPAddr)
	for _, command := range []string{
		`MAIL FROM:<"a>b"@yourorganisationname.nl> BODY=8BITMIME`,
		"RCPT TO:<Student@Example.net>",
		"RCPT TO:<other@example.net>",
	} {
		if r := c.Do(command); !r.OK() {
			t.Fatal(r)
		}
	}
	if r := c.Chunk([]byte(header + "text")); !r.OK() {
		t.Fatal(r)
	}
	d := sink.Wait(t, 1)[0]
	if want := `"a>b"@yourorganisationname.nl`; d.ReversePath != want {
		t.Errorf("reverse-path %q, want %q", d.ReversePath, want)
	}
	if !strings.Contains(d.Parameters, "BODY=8BITMIME") {
		t.Errorf("MAIL parameters %q", d.Parameters)
	}
	if want := []string{"Student@Example.net", "other@example.net"}; !reflect.DeepEqual(d.ForwardPaths, want) {
		t.Errorf("forward-paths %q, want %q", d.ForwardPaths, want)
	}
}

func testXClient(t *testing.T, in *Instance, _ *Sink) {
	c := Dial(t, in.SMTPAddr)

	c.XClient("ADDR=203.0.113.5")
	c.want(c.Do("MAIL FROM:<>"))
	if r := c.Do("RCPT TO:<student@example.net>"); r.Code != 554 {
		t.Errorf("a foreign client gets %v, want 554 Relay access denied", r)
	}

	c = Dial(t, in.SMTPAddr)
	c.XClient("ADDR=203.0.113.5 LOGIN=lms-yourorg")
	c.want(c.Do("MAIL FROM:<>"))
	if r := c.Do("RCPT TO:<student@example.net>"); !r.OK() {
		t.Errorf("an authenticated client gets %v", r)
	}
}

func testSendmail(t *testing.T, in *Instance, sink *Sink) {
	message := strings.ReplaceAll(header, "\r\n", "\n") + "text"
	in.Sendmail(t, []byte(message), "-t", "-i", "-f", "academy@yourorganisationname.nl")

	d := sink.Wait(t, 1)[0]
	if d.ReversePath != "academy@yourorganisationname.nl" || !reflect.DeepEqual(d.ForwardPaths, []string{"student@example.net"}) {
		t.Errorf("envelope %q %q", d.ReversePath, d.ForwardPaths)
	}
	if got, want := sansReceived(t, d.Data), header+"text\r\n"; got != want {
		t.Errorf("arrived:\n%q\nwant:\n%q", got, want)
	}
}

func testBounce(t *testing.T, in *Instance, sink *Sink) {
	sink.Refuse("nobody@example.net")
	c := Dial(t, in.SMTPAddr)
	c.want(c.Send("academy@yourorganisationname.nl", []string{"nobody@example.net"}, []byte(header)))

	d := sink.Wait(t, 1)[0]
	if d.ReversePath != "" || !reflect.DeepEqual(d.ForwardPaths, []string{"academy@yourorganisationname.nl"}) {
		t.Errorf("envelope %q %q, want a bounce to the sender", d.ReversePath, d.ForwardPaths)
	}
	if !bytes.Contains(d.Data, []byte("<MAILER-DAEMON@mail.courseware.nl>")) {
		t.Errorf("bounce is not from this host:\n%s", d.Data)
	}
}

func TestQueueAndLog(t *testing.T) {
	t.Parallel()
	in := Start(t, Options{NextHop: StartSink(t).Addr, Main: "defer_transports = smtp\n"})
	if queue := in.Queue(t); queue != "" {
		t.Errorf("queue before: %s", queue)
	}
	c := Dial(t, in.SMTPAddr)
	c.want(c.Send("academy@yourorganisationname.nl", []string{"student@example.net"}, []byte(header)))
	if queue := in.Queue(t); !strings.Contains(queue, `"student@example.net"`) {
		t.Errorf("queue after: %q", queue)
	}
	if !strings.Contains(in.Log(), "client=unknown[127.0.0.1]") {
		t.Errorf("log: %q", in.Log())
	}
}

// example is the file that administrators copy from.
func example(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../postfix.example.cf")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Postfix warns of parameters that it does not know, and of text it cannot read.
func TestExampleIsAllKnownToPostfix(t *testing.T) {
	t.Parallel()
	in := Start(t, Options{NextHop: StartSink(t).Addr, Main: example(t)})
	postconf := exec.Command("/usr/sbin/postconf", "-c", in.ConfigDir, "-n")
	var warnings bytes.Buffer
	postconf.Stderr = &warnings
	out, err := postconf.Output()
	if err != nil || warnings.Len() > 0 {
		t.Errorf("postconf -n: %v\n%s", err, &warnings)
	}
	if !bytes.Contains(out, []byte("\nsmtpd_milters = unix:onbehalf/milter.sock\n")) {
		t.Errorf("postconf -n:\n%s", out)
	}
	if log := in.Log(); strings.Contains(log, "warning:") {
		t.Errorf("log:\n%s", log)
	}

	if r := Dial(t, in.SMTPAddr).Do("MAIL FROM:<academy@yourorganisationname.nl>"); r.Code != 451 {
		t.Errorf("MAIL with no milter running: %v, want 451", r)
	}
}

func TestExampleTakesMailForTheBounceDomain(t *testing.T) {
	t.Parallel()
	in := Start(t, Options{NextHop: StartSink(t).Addr, Main: example(t) + "smtpd_milters =\n"})
	c := Dial(t, in.SMTPAddr)
	c.XClient("ADDR=203.0.113.5")
	c.want(c.Do("MAIL FROM:<>"))
	if r := c.Do("RCPT TO:<SRS0=x=AA=example.net=a@bounces.courseware.nl>"); !r.OK() {
		t.Errorf("a bounce: %v", r)
	}
	if r := c.Do("RCPT TO:<x@sub.bounces.courseware.nl>"); r.Code != 550 {
		t.Errorf("a subdomain: %v, want 550", r)
	}
	if r := c.Do("RCPT TO:<student@example.net>"); r.Code != 554 {
		t.Errorf("other mail: %v, want 554 Relay access denied", r)
	}
}
