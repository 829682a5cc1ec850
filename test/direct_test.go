package test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onbehalf/message"
	"onbehalf/tenant"
	"onbehalf/test/nameserver"
	"onbehalf/test/postfix"
)

// street is the premises beside two more mail hosts, each a Postfix of its own: the school's own
// server, and the rest of the world, which is the school's MX as well.
type street struct {
	*premises
	school, world     *postfix.Instance
	atSchool, atWorld *postfix.Sink
	certificates      string     // folder
	held              []*os.File // sockets that outlive the daemon: milter, socketmap
}

const schoolHop = "[mx.school.example]:25"

// schoolMain is main.cf of a server that was told to accept our host, and that, as Exchange Online
// does, refuses its own domain as envelope sender from outside.
const schoolMain = `
myhostname = mx.school.example
inet_interfaces = ` + schoolAddr + `
relay_domains = school.example
smtpd_client_restrictions = check_client_access inline:{` + ourAddr + `=OK}, reject
smtpd_sender_restrictions = check_sender_access inline:{ { school.example = 550 5.7.68 TenantInboundAttribution; Direct Send not allowed } }
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_cert_file = %[1]s/mx.school.example.pem
smtpd_tls_key_file = %[1]s/mx.school.example.key
`

// ourMain is added to the example configuration.
const ourMain = `
inet_interfaces = 127.0.0.1, ` + ourAddr + `
smtp_bind_address = ` + ourAddr + `
smtp_dns_support_level = enabled
relayhost =
mynetworks = 127.0.0.0/8
transport_maps = socketmap:unix:onbehalf/socketmap.sock:transport
smtp_tls_policy_maps = socketmap:unix:onbehalf/socketmap.sock:tls_policy
relay_recipient_maps = socketmap:unix:onbehalf/socketmap.sock:recipients
smtp_tls_CAfile = %[1]s/ca.pem
smtp_tls_loglevel = 1
maximal_backoff_time = 2s
smtp_connect_timeout = 5s
`

// openStreet opens them all, with direct as the school has it.
func openStreet(t *testing.T, direct string) *street {
	t.Helper()
	s := &street{premises: &premises{t: t, folder: shortDir(t), dns: "127.0.0.1:53"}, atSchool: postfix.StartSink(t), atWorld: postfix.StartSink(t)}
	s.certificates = shortDir(t)
	os.Chmod(s.certificates, 0o755)
	for _, name := range []string{"mx.school.example", "other.example"} {
		s.certify(name)
	}
	s.postfix = postfix.Start(t, postfix.Options{Main: mainCF(t) + fmt.Sprintf(ourMain, s.certificates)})
	s.startSchool()
	s.world = postfix.Start(t, postfix.Options{Addr: worldAddr + ":25", NextHop: s.atWorld.Addr,
		Main: "myhostname = mx.world.example\ninet_interfaces = " + worldAddr + "\nrelay_domains = receiver.example, school.example\nsmtpd_relay_restrictions = reject_unauth_destination\n"})
	s.build()
	s.furnish("  - id: school\n    domains: [school.example]\n    dkim: [{selector: cw1, key: key.pem}]\n    direct: " + direct + "\n")
	s.configure("socketmap: \"\"", "socketmap: unix:"+s.postfix.QueueDir+"/onbehalf/socketmap.sock")
	s.configure("80.84.235.70", ourAddr)
	s.publishStreet(s.key("school.example"))
	s.serve()
	s.prove(true)
	return s
}

func (s *street) startSchool() {
	s.school = postfix.Start(s.t, postfix.Options{Addr: schoolAddr + ":25", NextHop: s.atSchool.Addr, Main: fmt.Sprintf(schoolMain, s.certificates)})
}

// certify makes a certificate by an authority of our own.
func (s *street) certify(name string) {
	s.t.Helper()
	const script = `set -e; cd "$1"
		[ -e ca.pem ] || openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj "/CN=an authority" -keyout ca.key -out ca.pem
		openssl req -newkey rsa:2048 -nodes -subj "/CN=$2" -keyout "$2.key" -out "$2.csr"
		printf "subjectAltName=DNS:%s" "$2" >ext
		openssl x509 -req -days 3 -in "$2.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ext -out "$2.pem"`
	if out, err := exec.Command("sh", "-c", script, "sh", s.certificates, name).CombinedOutput(); err != nil {
		s.t.Fatalf("openssl: %v\n%s", err, out)
	}
}

// publishStreet makes these records the zone, with those of the mail hosts.
func (s *street) publishStreet(records ...string) {
	s.t.Helper()
	s.publish(append(records,
		"school.example MX 10 mx.world.example", "receiver.example MX 10 mx.world.example",
		"mx.world.example A "+worldAddr, "mx.school.example A "+schoolAddr,
		"mail.courseware.nl A "+ourAddr, "bounces.courseware.nl MX 10 mail.courseware.nl",
		nameserver.TXT("bounces.courseware.nl", "v=spf1 ip4:"+ourAddr+" -all"),
	)...)
}

// prove waits until the daemon has seen whether the school's domain is the school's.
func (s *street) prove(proven bool) {
	s.t.Helper()
	want := "school.example\n               delivered there"
	if !proven {
		want = "NOT delivered there"
	}
	s.await("direct delivery to be proven or not", func() bool {
		out, _, _ := s.run("status", "school")
		return strings.Contains(out, want)
	})
}

// submit hands a message of the school's to our Postfix.
func (s *street) submit(subject string, to ...string) postfix.Reply {
	s.t.Helper()
	client := postfix.Dial(s.t, s.postfix.SMTPAddr)
	defer client.Do("QUIT")
	if reply := client.Do("MAIL FROM:<academy@school.example>"); !reply.OK() {
		return reply
	}
	for _, one := range to {
		if reply := client.Do("RCPT TO:<" + one + ">"); !reply.OK() {
			return reply
		}
	}
	return client.Data([]byte("From: Academy <academy@school.example>\r\nTo: x\r\nSubject: " + subject + "\r\n\r\nYour course starts on Monday.\r\n"))
}

// accept is submit, of a message that must be taken.
func (s *street) accept(subject string, to ...string) {
	s.t.Helper()
	if reply := s.submit(subject, to...); !reply.OK() {
		s.t.Fatalf("%s: %s", subject, reply)
	}
}

// next returns the next message at a sink, which must be this one.
func (s *street) next(sink *postfix.Sink, subject string) delivered {
	s.t.Helper()
	got := takeRelayed(s.t, sink.Wait(s.t, 1)[0])
	if field, _ := got.header.Get("Subject"); field.Text() != subject {
		s.t.Fatalf("the next message is %q, want %q", field.Text(), subject)
	}
	return got
}

// takeRelayed is take, of a message that another Postfix has passed on.
func takeRelayed(t *testing.T, d postfix.Delivery) delivered {
	t.Helper()
	text := string(d.Data)
	if rest, found := strings.CutPrefix(text, "Received:"); found {
		lines := strings.SplitAfter(rest, "\r\n")
		n := 1
		for n < len(lines) && strings.HasPrefix(lines[n], "\t") {
			n++
		}
		d.Data = []byte(strings.Join(lines[n:], ""))
	}
	return take(t, d)
}

func (d delivered) from() string {
	field, _ := d.header.Get("From")
	return field.Text()
}

// TestDirect takes mail through three real Postfixes.
func TestDirect(t *testing.T) {
	if !apart(t) {
		return
	}
	s := openStreet(t, `{domains: [school.example], next_hop: "`+schoolHop+`", tls: encrypt}`)
	domain, err := message.ParseDomain("school.example")
	if err != nil {
		t.Fatal(err)
	}
	identities := []tenant.Identity{{SDID: domain, Selector: "cw1", Algorithm: tenant.RSA}}

	t.Log("the school's server accepts us directly; other mail goes the ordinary way")
	s.accept("direct", "Dean@School.example", "student+x@school.example")
	got := s.next(s.atSchool, "direct")
	if got.from() != "Academy <academy@school.example>" || !strings.HasPrefix(got.ReversePath, "SRS0=") || len(got.ForwardPaths) != 2 {
		t.Errorf("From %q, sender %q, recipients %q", got.from(), got.ReversePath, got.ForwardPaths)
	}
	s.house.verify(t, got.Data, identities)
	s.accept("public", "someone@receiver.example")
	if got := s.next(s.atWorld, "public"); got.from() != "Academy <academy@school.example>" || !strings.HasSuffix(got.ReversePath, "@bounces.courseware.nl") {
		t.Errorf("From %q, sender %q", got.from(), got.ReversePath)
	}
	s.accept("mixed", "dean@school.example", "someone@receiver.example")
	s.next(s.atSchool, "mixed")
	s.next(s.atWorld, "mixed")
	s.logs("row=direct", `reason="all recipients are delivered directly"`)

	t.Log("while the school's server is down its mail waits, and other mail does not")
	s.postfixCommand(s.school, "stop")
	s.accept("patience", "dean@school.example")
	s.accept("other", "someone@receiver.example")
	s.next(s.atWorld, "other")
	s.await("Postfix to defer", func() bool { return strings.Contains(s.postfix.Queue(t), "mx.school.example") })
	s.postfixCommand(s.school, "start")
	s.postfixCommand(s.postfix, "flush")
	s.next(s.atSchool, "patience")

	t.Log("the proof is lost: the next message takes the ordinary way, under our name")
	s.publishStreet()
	s.prove(false)
	s.accept("unproven", "rector@school.example") // of the last address each of Postfix's processes remembers the way for 30 seconds
	s.next(s.atWorld, "unproven")
	s.logs("before=warning after=pending")
	s.accept("under our name", "principal@school.example")
	if got := s.next(s.atWorld, "under our name"); !strings.Contains(got.from(), "noreply@courseware.nl") {
		t.Errorf("From %q", got.from())
	}
	s.logs("mechanism=direct before=proven after=unproven")
	s.publishStreet(s.key("school.example"))
	s.prove(true)
	s.accept("proven again", "dean@school.example")
	s.next(s.atSchool, "proven again")

	t.Log("Postfix itself refuses forged bounces, and knows ours")
	s.forgedBounces(got.ReversePath)

	t.Log("a probe of Postfix's own follows the direct route, and belongs to no tenant")
	s.probes()
}

// forgedBounces tries addresses of ours, and those that look like it, as a stranger.
func (s *street) forgedBounces(bounce string) {
	s.t.Helper()
	client := postfix.Dial(s.t, s.postfix.SMTPAddr)
	client.XClient("ADDR=203.0.113.5")
	client.Do("MAIL FROM:<>")
	forged := strings.Replace(bounce, "SRS0=", "SRS0=aaaa", 1)
	for address, want := range map[string]string{forged: "550 5.1.1", "someone@bounces.courseware.nl": "550 5.1.1", bounce: "250", strings.ToLower(bounce): "250", "postmaster@bounces.courseware.nl": "250"} {
		if got := client.Do("RCPT TO:<" + address + ">"); !strings.HasPrefix(got.String(), want) {
			s.t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	if !strings.Contains(s.postfix.Log(), "User unknown in relay recipient table") {
		s.t.Error("it was not Postfix itself that refused")
	}
}

// probes has our Postfix ask the school's server whether a recipient is there
// (reject_unverified_recipient).
func (s *street) probes() {
	s.t.Helper()
	before := s.logged()
	s.set(s.postfix, "smtpd_recipient_restrictions=reject_unverified_recipient")
	client := postfix.Dial(s.t, s.postfix.SMTPAddr)
	client.Do("MAIL FROM:<academy@school.example>")
	s.await("the probe to be answered", func() bool { return client.Do("RCPT TO:<dean@school.example>").OK() })
	if log := s.postfix.Log(); !strings.Contains(log, "status=deliverable") || !strings.Contains(log, "relay=mx.school.example["+schoolAddr+"]") {
		s.t.Error("the probe took another way")
	}
	client.Do("RSET")
	if log := s.logged(); log != before {
		s.t.Errorf("lookups or probes are in the log:\n%s", log[len(before):])
	}
}

// TestDirectTLS holds that each answer about TLS is one that smtp(8) takes and acts on.
func TestDirectTLS(t *testing.T) {
	if !apart(t) {
		return
	}
	const direct = `, tls: `
	s := openStreet(t, `{domains: [school.example], next_hop: "`+schoolHop+`"`+direct+"verify}")
	level := "verify"
	want := func(tls string) {
		t.Helper()
		s.configure(direct+level, direct+tls)
		level = tls
		s.reload()
		s.postfixCommand(s.postfix, "flush")
	}
	delivers := func(subject string) {
		t.Helper()
		s.accept(subject, subject+"@school.example")
		s.next(s.atSchool, subject)
	}
	waits := func(subject, why string) {
		t.Helper()
		s.accept(subject, subject+"@school.example")
		s.await(subject+" to wait: "+why, func() bool { return strings.Contains(s.postfix.Queue(t), why) })
		s.accept("public", "someone@receiver.example")
		s.next(s.atWorld, "public")
	}
	present := func(name string) {
		t.Helper()
		s.set(s.school, "smtpd_tls_cert_file="+s.certificates+"/"+name+".pem", "smtpd_tls_key_file="+s.certificates+"/"+name+".key")
	}

	t.Log("verify: the certificate has the name of the next hop")
	delivers("verified")
	if !strings.Contains(s.postfix.Log(), "Verified TLS connection established to mx.school.example") {
		t.Error("the connection was not verified")
	}
	t.Log("verify: it has another name")
	present("other.example")
	waits("unverified", "Server certificate not verified")
	t.Log("encrypt: any certificate does; what waited arrives")
	want("encrypt")
	s.next(s.atSchool, "unverified")
	delivers("encrypted")
	t.Log("encrypt: there is no TLS")
	s.set(s.school, "smtpd_tls_security_level=none")
	waits("clear", "TLS is required, but was not offered")
	t.Log("may: there need not be")
	want("may")
	s.next(s.atSchool, "clear")
	t.Log("may does not weaken what the administrator asks for")
	s.set(s.postfix, "smtp_tls_security_level=encrypt")
	s.accept("strict", "strict@school.example")
	s.await("strict to wait", func() bool {
		queue := s.postfix.Queue(t) // with the reason only when it was tried: a reload must not come before
		return strings.Contains(queue, "strict@school.example") && strings.Contains(queue, "TLS is required, but was not offered")
	})

	t.Log("a policy holds without brackets, too")
	s.set(s.postfix, "smtp_tls_security_level=may")
	s.next(s.atSchool, "strict")
	want("encrypt")
	s.configure(schoolHop, "MX.school.example:25")
	s.reload()
	s.accept("no brackets", "rector@school.example")
	s.await("it to wait", func() bool { return strings.Contains(s.postfix.Queue(t), "TLS is required, but was not offered") })
	s.set(s.school, "smtpd_tls_security_level=may")
	s.postfixCommand(s.postfix, "flush")
	s.next(s.atSchool, "no brackets")
}

// TestDirectAuthor has the author as envelope sender, where the school's server refuses its
// own domain from outside: the author is told so.
func TestDirectAuthor(t *testing.T) {
	if !apart(t) {
		return
	}
	s := openStreet(t, `{domains: [school.example], next_hop: "`+schoolHop+`", envelope: author}`)
	s.accept("refused", "dean@school.example")
	got := takeRelayed(t, s.atSchool.Wait(t, 1)[0])
	if got.ReversePath != "" || got.ForwardPaths[0] != "academy@school.example" || !strings.Contains(string(got.body), "Status: 5.7.68") {
		t.Errorf("not a bounce of it to the author: from %q to %q\n%s", got.ReversePath, got.ForwardPaths, got.body)
	}
	t.Log("told to accept it, the server does")
	s.set(s.school, "smtpd_sender_restrictions=")
	s.accept("accepted", "dean@school.example")
	if got := s.next(s.atSchool, "accepted"); got.ReversePath != "academy@school.example" {
		t.Errorf("sender %q", got.ReversePath)
	}
}

// TestDirectDown ends the daemon: mail waits with its sender or in the queue, and none is lost.
func TestDirectDown(t *testing.T) {
	if !apart(t) {
		return
	}
	s := openStreet(t, `{domains: [school.example], next_hop: "`+schoolHop+`"}`)
	s.postfixCommand(s.school, "stop")
	s.postfixCommand(s.world, "stop")
	s.accept("queued", "dean@school.example", "someone@receiver.example")
	s.await("both to be deferred", func() bool { return strings.Count(s.postfix.Queue(t), "delay_reason") == 2 })
	s.stop()
	s.postfixCommand(s.school, "start")
	s.postfixCommand(s.world, "start")
	if reply := s.submit("while it is down", "dean@school.example"); reply.Code/100 != 4 {
		t.Errorf("while the daemon is down: %s", reply)
	}
	s.serve()
	s.prove(true)
	s.postfixCommand(s.postfix, "flush")
	s.next(s.atSchool, "queued")
	s.next(s.atWorld, "queued")
	s.await("the queue to be empty", func() bool { return s.postfix.Queue(t) == "" })
}

// TestDirectKilled kills the daemon under 200 lookups a second on 20 connections, while
// somebody else holds its sockets, as systemd does: nobody is told to come back later.
func TestDirectKilled(t *testing.T) {
	if !apart(t) {
		return
	}
	s := openStreet(t, `{domains: [school.example], next_hop: "`+schoolHop+`"}`)
	s.accept("a bounce address", "dean@school.example")
	bounce := s.next(s.atSchool, "a bounce address").ReversePath
	s.stop()
	s.hold()
	s.serveHeld()
	s.set(s.postfix, "smtpd_milters=", "smtpd_client_connection_count_limit=100") // a milter's client that lost it says 451 until it quits

	var clients []*postfix.Client
	for range 20 {
		client := postfix.Dial(t, s.postfix.SMTPAddr)
		client.Do("MAIL FROM:<>")
		clients = append(clients, client)
	}
	end := time.Now().Add(4 * time.Second)
	var asked, late atomic.Int64
	var workers sync.WaitGroup
	for i, client := range clients {
		workers.Go(func() {
			for n := 0; time.Now().Before(end); n++ {
				to := bounce // relay_recipient_maps, asked for by smtpd(8) itself
				if n%2 == 0 {
					to = fmt.Sprintf("x%d.%d@school.example", i, n) // transport_maps, by trivial-rewrite(8)
				}
				asked.Add(1)
				if reply := client.Do("RCPT TO:<" + to + ">"); !reply.OK() {
					late.Add(1)
					t.Errorf("%s: %s", to, reply)
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	time.Sleep(time.Second)
	s.daemon.Process.Kill()
	s.daemon.Wait()
	time.Sleep(300 * time.Millisecond)
	s.serveHeld()
	workers.Wait()
	t.Logf("%d lookups, %d of them answered 451", asked.Load(), late.Load())
	if asked.Load() < 400 {
		t.Errorf("only %d lookups", asked.Load())
	}
}

// hold opens the daemon's sockets, which stay open whatever becomes of it.
func (s *street) hold() {
	s.t.Helper()
	for _, name := range []string{"milter", "socketmap"} {
		listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.postfix.QueueDir + "/onbehalf/" + name + ".sock", Net: "unix"})
		if err != nil {
			s.t.Fatal(err)
		}
		if err := os.Chmod(listener.Addr().String(), 0o660); err != nil { // as SocketMode= of the unit
			s.t.Fatal(err)
		}
		file, err := listener.File()
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { file.Close(); listener.Close() })
		s.held = append(s.held, file)
	}
}

// serveHeld is serve, with those sockets handed over (sd_listen_fds(3)).
func (s *street) serveHeld() {
	s.t.Helper()
	s.daemon = exec.Command("sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=milter:socketmap exec "$0" serve --config "$1"`, s.binary, s.config)
	s.daemon.ExtraFiles, s.daemon.Stderr = s.held, &s.log
	before := strings.Count(s.log.String(), "msg=serving")
	if err := s.daemon.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.await("onbehalf to serve", func() bool { return strings.Count(s.log.String(), "msg=serving") > before })
}
