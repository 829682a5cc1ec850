package main

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/netip"
	"net/textproto"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

func (p *program) selftest() *cobra.Command {
	var q wish
	cmd := &cobra.Command{
		Use:   "selftest --to ADDRESS",
		Short: "Send a mailbox two messages, as the platform and on behalf of a tenant",
		Long: `Send two messages that are marked alike to a mailbox of yours at some receiver, through
the Postfix of this host: one as the platform, one on behalf of a tenant. Print what
onbehalf is expected to make of each, what to look for at the receiver, and what each
outcome means. Nothing is sent if Postfix or onbehalf would not treat them like the
application's mail. Exit status 0 when Postfix took both.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return p.runSelftest(q) },
	}
	cmd.Flags().StringVar(&q.to, "to", "", "the mailbox to look into")
	cmd.Flags().StringVar(&q.tenant, "tenant", "", "id of the tenant (default: the first in the configuration)")
	cmd.Flags().StringVar(&q.from, "from", "", "the tenant's address to send as (default: its bounces_to, else its postmaster)")
	cmd.Flags().StringVar(&q.smtp, "smtp", "127.0.0.1:25", "where Postfix listens")
	cmd.Flags().BoolVar(&q.asJSON, "json", false, "print plans and replies as JSON")
	cmd.MarkFlagRequired("to")
	return cmd
}

// wish is what selftest is asked.
type wish struct {
	to, tenant, from, smtp string
	asJSON                 bool
}

// selftest is two messages to one mailbox.
type selftest struct {
	Token    string          `json:"token"` // stands in Subject and X-Onbehalf-Selftest of both
	To       message.Address `json:"to"`
	SMTP     string          `json:"smtp"`
	TenantID string          `json:"tenant"`
	Messages []*probe        `json:"messages"` // as the platform, then on behalf of the tenant

	client   netip.Addr // that Postfix sees us come from
	tenant   *tenant.Tenant
	snapshot *tenant.Snapshot
}

// probe is one of the two, and what became of it.
type probe struct {
	As      string          `json:"as"` // platform or tenant
	From    message.Address `json:"from"`
	Plan    rewrite.Plan    `json:"expected"`
	QueueID string          `json:"queue_id,omitempty"` // that Postfix gave it
	Reply   string          `json:"reply,omitempty"`    // the last one of Postfix
	Error   string          `json:"error,omitempty"`    // why it was not sent, or not taken

	title   string
	message message.Message
	body    []byte
}

func (p *program) runSelftest(q wish) error {
	to, err := message.ParseAddress(q.to)
	if err != nil {
		return misuse("--to: %w", err)
	}
	if _, _, err := net.SplitHostPort(q.smtp); err != nil {
		return misuse("--smtp: %w; write HOST:PORT", err)
	}
	now, err := p.need()
	if err != nil {
		return err
	}
	t := &selftest{Token: rand.Text()[:6], To: to, SMTP: q.smtp, snapshot: snapshotFor(now)}
	if err := t.prepare(q, now, p.err); err != nil {
		return err
	}
	if q.asJSON {
		return t.runSilently(p.out)
	}
	return t.runAloud(p.out)
}

// snapshotFor gives what the milter is expected to decide by. The standings of tenants
// with authorization: auto are known to the daemon alone.
func snapshotFor(now *loaded) *tenant.Snapshot { return now.table.Snapshot() }

func (t *selftest) prepare(q wish, now *loaded, talk io.Writer) (err error) {
	if _, ours, _ := rewrite.Lead(message.PathOf(t.To), t.snapshot, time.Now()); ours {
		return misuse("--to: %s leads back to us; give a mailbox that you can look into", t.To)
	}
	if t.tenant, err = chooseTenant(q.tenant, now.table.Tenants(), talk); err != nil {
		return err
	}
	t.TenantID = t.tenant.ID
	from, err := t.tenantAddress(q.from)
	if err != nil {
		return err
	}
	if t.client, err = clientOf(t.SMTP); err != nil {
		return fmt.Errorf("--smtp: %w; give the HOST:PORT where Postfix listens", err)
	}
	platform := t.snapshot.Platform()
	t.Messages = []*probe{
		t.write("platform", platform.Name, t.platformAddress(), "as "+platform.Name),
		t.write("tenant", t.tenant.Name, from, "on behalf of "+t.tenant.Name),
	}
	return nil
}

// Who sends.

func chooseTenant(id string, all []*tenant.Tenant, talk io.Writer) (*tenant.Tenant, error) {
	if len(all) == 0 {
		return nil, errors.New("the configuration has no tenant; add the customer to tenants_dir first")
	}
	if id == "" {
		fmt.Fprintf(talk, "testing with tenant %s, the first of %d; choose another by --tenant\n", all[0].ID, len(all))
		return all[0], nil
	}
	var some []string
	for _, t := range all {
		if t.ID == id {
			return t, nil
		}
		some = append(some, t.ID)
	}
	const few = 5
	if len(some) > few {
		some = append(some[:few], "...")
	}
	return nil, fmt.Errorf("there is no tenant %q; there are %s", id, strings.Join(some, ", "))
}

func (t *selftest) platformAddress() message.Address {
	p := t.snapshot.Platform()
	if p.Owns(p.BouncesTo.Domain) {
		return p.BouncesTo
	}
	return message.Address{Local: "postmaster", Domain: p.Domain}
}

// tenantAddress gives the address asked for, or one that a person may read: nobody
// should get answers to a test who does not exist.
func (t *selftest) tenantAddress(wanted string) (message.Address, error) {
	if wanted == "" {
		return t.likelyAddress()
	}
	from, err := message.ParseAddress(wanted)
	if err != nil {
		return from, misuse("--from: %w", err)
	}
	owner, _ := t.snapshot.Owner(from.Domain)
	switch {
	case t.ownsAlone(from.Domain):
		return from, nil
	case owner != nil && owner != t.tenant:
		return from, fmt.Errorf("--from: %s belongs to tenant %s, not to %s", from.Domain, owner.ID, t.TenantID)
	}
	return from, fmt.Errorf("--from: %s is no domain of tenant %s", from.Domain, t.TenantID)
}

func (t *selftest) likelyAddress() (message.Address, error) {
	likely := []message.Address{t.tenant.BouncesTo}
	for _, wildcard := range []bool{false, true} {
		for _, pattern := range t.tenant.Domains {
			if pattern.Wildcard == wildcard {
				likely = append(likely, postmasterOf(pattern))
			}
		}
	}
	for _, from := range likely {
		if t.ownsAlone(from.Domain) {
			return from, nil
		}
	}
	return message.Address{}, fmt.Errorf("no address of tenant %s suggests itself; choose one by --from", t.TenantID)
}

// postmasterOf gives the address that every domain with mail has (RFC 5321 section
// 4.5.1); below a wildcard it is a guess.
func postmasterOf(pattern tenant.Pattern) message.Address {
	domain := pattern.Domain
	if pattern.Wildcard {
		domain, _ = message.ParseDomain("mail." + domain.String())
	}
	return message.Address{Local: "postmaster", Domain: domain}
}

func (t *selftest) ownsAlone(d message.Domain) bool {
	owner, _ := t.snapshot.Owner(d)
	return !d.IsZero() && owner == t.tenant && !t.snapshot.Platform().Owns(d)
}

// clientOf gives the address that the server sees us come from: a UDP socket knows it
// without sending anything.
func clientOf(server string) (netip.Addr, error) {
	conn, err := net.Dial("udp", server)
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}

// What is sent.

// write makes one message and the plan for it. It is ASCII throughout, so that no next
// hop has a reason to recode it.
func (t *selftest) write(as, name string, from message.Address, how string) *probe {
	host, _ := os.Hostname()
	m := message.Message{Header: t.header(as, name, from, how), Received: time.Now()}
	m.Host, _ = message.ParseDomain(host)
	m.Submitter.Client = t.client
	m.Envelope = message.Envelope{
		ReversePath:  message.PathOf(from), // as an application does that knows no better
		ForwardPaths: []message.Path{message.PathOf(t.To)},
		SMTPUTF8:     !from.IsASCII() || !t.To.IsASCII(),
	}
	return &probe{As: as, From: from, Plan: rewrite.Decide(m, t.snapshot), title: how, message: m, body: t.body(how)}
}

func (t *selftest) header(as, name string, from message.Address, how string) message.Header {
	now := time.Now()
	subject := mime.QEncoding.Encode("utf-8", "onbehalf selftest "+t.Token+": "+how)
	id := fmt.Sprintf(" <%s.%s.%s@%s>", now.UTC().Format("20060102150405"), t.Token, as, t.snapshot.Platform().Domain)
	return message.Header{
		{Name: "From", Value: message.FormatMailboxes("From", message.Mailbox{Name: name, Address: from})},
		{Name: "To", Value: message.FormatMailboxes("To", message.Mailbox{Address: t.To})},
		{Name: "Subject", Value: message.Fold("Subject", subject)},
		{Name: "Date", Value: " " + now.Format(time.RFC1123Z)},
		{Name: "Message-ID", Value: id},
		{Name: "X-Onbehalf-Selftest", Value: " " + t.Token},
		{Name: "Auto-Submitted", Value: " auto-generated"}, // RFC 3834: no vacation replies
		{Name: "MIME-Version", Value: " 1.0"},
		{Name: "Content-Type", Value: " text/plain; charset=utf-8"},
		{Name: "Content-Transfer-Encoding", Value: " quoted-printable"},
	}
}

func (t *selftest) body(how string) []byte {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	fmt.Fprintf(w, `This is a test of the mail server of %s.

It is one of two messages that are marked %s in their subjects: one is sent
as %[1]s, one on behalf of %[3]s.
This is the one sent %[4]s.

If you have asked for the test, see which of the two came, and whether into the
inbox or the spam folder. Otherwise you may delete both. No answer is needed.
`, t.snapshot.Platform().Name, t.Token, t.tenant.Name, how)
	w.Close()
	return b.Bytes()
}

func (p *probe) octets() []byte { return append([]byte(p.message.Header.String()+"\r\n"), p.body...) }

// How it is sent.

// obstacle says why this command cannot stand in for the application, and how to test
// instead.
func (t *selftest) obstacle() error {
	for i, p := range t.Messages {
		switch {
		case p.Plan.Row == rewrite.RowUntrusted:
			return fmt.Errorf("not sent: Postfix would see us come from %s, which is not in trust.networks, and onbehalf leaves such mail alone; "+
				"run this on the mail host, or send from the application", t.client)
		case p.Plan.Verdict == rewrite.Refuse:
			return fmt.Errorf("not sent: onbehalf would refuse message %d, %s: %s\n"+
				"What becomes of the application's own mail:\n  echo 'From: %s' | onbehalf explain %s\n"+
				"To see it arrive, send some from the application",
				i+1, p.title, p.Plan.Detail, p.From, t.rightful(p))
		}
	}
	return nil
}

// rightful gives the options of explain for who may send the message.
func (t *selftest) rightful(p *probe) string {
	who := t.snapshot.Platform().Submitters
	if p.As == "tenant" {
		who = t.tenant.Submitters
	}
	switch {
	case len(who.Logins) > 0:
		return "--login " + who.Logins[0]
	case len(who.Networks) > 0:
		return "--client " + who.Networks[0].Addr().String()
	}
	return "--client ADDRESS-OF-THE-APPLICATION"
}

// send hands both to Postfix. A refusal is noted with the message that it is for; an
// error ends the test.
func (t *selftest) send() error {
	if err := t.obstacle(); err != nil {
		return err
	}
	s, err := dialSMTP(t.SMTP)
	if err != nil {
		return err
	}
	defer s.quit()
	for _, p := range t.Messages {
		reply, err := s.transact(p)
		if err != nil {
			return fmt.Errorf("%s: %w; Postfix's log says why", t.SMTP, err)
		}
		p.take(reply)
	}
	return nil
}

var queuedAs = regexp.MustCompile(`queued as ([0-9A-Za-z]+)`)

func (p *probe) take(r smtpReply) {
	p.Reply = r.String()
	if id := queuedAs.FindStringSubmatch(r.text); id != nil {
		p.QueueID = id[1]
	}
	if r.code/100 != 2 {
		p.Error = r.remedy()
	}
}

func (t *selftest) taken() bool {
	return !slices.ContainsFunc(t.Messages, func(p *probe) bool { return p.Error != "" })
}

// smtpSession is a client of Postfix that keeps the words of its replies, which
// net/smtp throws away: the queue id stands in the last one.
type smtpSession struct {
	conn net.Conn
	text *textproto.Conn
}

// smtpPatience is how long Postfix may take for one reply.
const smtpPatience = 30 * time.Second

func dialSMTP(server string) (*smtpSession, error) {
	conn, err := net.DialTimeout("tcp", server, smtpPatience)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("%s: connection refused: is Postfix running? If it listens elsewhere, give --smtp HOST:PORT", server)
	}
	if err != nil {
		return nil, fmt.Errorf("%w; give the --smtp HOST:PORT where Postfix listens", err)
	}
	s := &smtpSession{conn, textproto.NewConn(conn)}
	reply, err := s.greet()
	if err == nil && reply.code/100 != 2 {
		err = fmt.Errorf("%s; %s", reply, reply.remedy())
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: %w", server, err)
	}
	return s, nil
}

func (s *smtpSession) greet() (smtpReply, error) {
	host, err := os.Hostname()
	if err != nil {
		return smtpReply{}, err
	}
	s.conn.SetDeadline(time.Now().Add(smtpPatience))
	if reply, err := s.reply(); err != nil || reply.code/100 != 2 {
		return reply, err
	}
	return s.do("EHLO " + host)
}

// transact sends one message, and gives the reply to the first command that is
// refused, else the one to the message.
func (s *smtpSession) transact(p *probe) (smtpReply, error) {
	mail := "MAIL FROM:" + p.message.Envelope.ReversePath.String()
	if p.message.Envelope.SMTPUTF8 {
		mail += " SMTPUTF8"
	}
	for _, command := range []string{"RSET", mail, "RCPT TO:" + p.message.Envelope.ForwardPaths[0].String(), "DATA"} {
		reply, err := s.do(command)
		if err != nil || reply.code/100 > 3 {
			return reply, err
		}
	}
	w := s.text.DotWriter()
	w.Write(p.octets())
	if err := w.Close(); err != nil {
		return smtpReply{}, err
	}
	return s.reply()
}

func (s *smtpSession) do(command string) (smtpReply, error) {
	s.conn.SetDeadline(time.Now().Add(smtpPatience))
	if err := s.text.PrintfLine("%s", command); err != nil {
		return smtpReply{}, err
	}
	return s.reply()
}

func (s *smtpSession) reply() (smtpReply, error) {
	code, text, err := s.text.ReadResponse(0)
	return smtpReply{code, strings.ReplaceAll(text, "\n", " ")}, err
}

func (s *smtpSession) quit() {
	s.do("QUIT")
	s.conn.Close()
}

type smtpReply struct {
	code int
	text string // of all lines
}

func (r smtpReply) String() string { return fmt.Sprintf("%d %s", r.code, r.text) }

// remedy says what to do about a refusal.
func (r smtpReply) remedy() string {
	switch {
	case r.code/100 == 4 && strings.Contains(r.text, "4.7.1 Service unavailable"):
		return "Postfix could not reach a milter: is onbehalf running (systemctl status onbehalf)?"
	case strings.Contains(r.text, "Relay access denied"):
		return "Postfix relays nothing for us: are we in mynetworks (postconf mynetworks)?"
	case r.code/100 == 4:
		return "Postfix wants us to come back later; its log says why"
	}
	return "Postfix refuses it; its log says by which rule"
}

// What is printed.

func (t *selftest) runSilently(w io.Writer) error {
	if err := t.send(); err != nil {
		for _, p := range t.Messages {
			if p.Reply == "" {
				p.Error = err.Error()
			}
		}
	}
	if err := printJSON(w, t); err != nil || t.taken() {
		return err
	}
	return errSaid
}

func (t *selftest) runAloud(w io.Writer) error {
	fmt.Fprintf(w, "Test %s: two messages to %s, by way of %s\n", t.Token, t.To, t.SMTP)
	for i, p := range t.Messages {
		fmt.Fprintf(w, "\n%d. Sent %s, from %s\n", i+1, p.title, p.From)
		t.printExpected(w, p)
	}
	err := t.send()
	t.printReplies(w)
	if err != nil {
		return err
	}
	if !t.taken() {
		return errSaid
	}
	t.printGuide(w)
	return nil
}

func (t *selftest) printExpected(w io.Writer, p *probe) {
	item(w, "   Expected: ", 13, fmt.Sprintf("row %s, %s: %s.%s", p.Plan.Row, p.Plan.Verdict, p.Plan.Reason, t.reservation(p)))
	if p.Plan.Verdict == rewrite.Refuse || p.Plan.Verdict == rewrite.Pass {
		return
	}
	line := func(name, value string) {
		indent := 21
		if indent+len(value) > columns {
			indent = 7
		}
		item(w, "     "+name, indent, value)
	}
	header := p.header()
	line("Return-Path", p.sender().String())
	for _, name := range []string{"From", "Reply-To"} {
		if field, found := header.Get(name); found {
			line(name, field.Text())
		}
	}
	line("DKIM-Signature", cmp.Or(p.signers(), "none of ours"))
	label := "     Authentication-Results"
	for _, result := range p.results() {
		item(w, label, 29, result)
		label = ""
	}
}

// reservation says why another row may come true.
func (t *selftest) reservation(p *probe) string {
	switch {
	case p.Plan.Shadow:
		return " But mode is shadow: that is logged, and the message left as it is."
	case p.Plan.Row == 6 && t.tenant.Authorization == tenant.Auto && t.snapshot.Standing(p.From.Domain).SPF.State == tenant.Unknown:
		return " The daemon may have seen more in the tenant's DNS than is known here."
	}
	return ""
}

// sender, header and signers are as the receiver should see them.
func (p *probe) sender() message.Path {
	if p.Plan.Shadow {
		return p.message.Envelope.ReversePath
	}
	return p.Plan.Sender(p.message)
}

func (p *probe) header() message.Header {
	if p.Plan.Shadow {
		return p.message.Header
	}
	return p.Plan.Apply(p.message.Header)
}

func (p *probe) signers() string {
	var all []string
	for _, id := range p.Plan.Sign {
		if !p.Plan.Shadow {
			all = append(all, fmt.Sprintf("d=%s; s=%s", id.SDID, id.Selector))
		}
	}
	return strings.Join(all, ", ")
}

// results foretells what a receiver finds, each with the domain that it is about.
func (p *probe) results() []string {
	if p.Plan.Shadow {
		return []string{"those of mail without onbehalf"}
	}
	if p.Plan.Row == rewrite.RowDirect {
		return []string{"no matter: the tenant's own server lets us in"}
	}
	sender, from := p.sender().Address.Domain, p.author()
	all, dmarc := []string{fmt.Sprintf("spf=pass (%s)", sender)}, "dmarc=fail or none"
	vouching := []message.Domain{sender}
	for _, id := range p.Plan.Sign {
		if !slices.Contains(vouching[1:], id.SDID) {
			all, vouching = append(all, fmt.Sprintf("dkim=pass (%s)", id.SDID)), append(vouching, id.SDID)
		}
	}
	if slices.ContainsFunc(vouching, func(d message.Domain) bool { return d.Organizational() == from.Organizational() }) {
		dmarc = "dmarc=pass" // the plan has seen to it where the policy asks for more
	}
	return append(all, fmt.Sprintf("%s (%s)", dmarc, from))
}

// author gives the domain in From that the receiver should see.
func (p *probe) author() message.Domain {
	field, _ := p.header().Get("From")
	author, err := message.ParseFrom(field.Value)
	if err != nil {
		return message.Domain{}
	}
	return author.Mailboxes[0].Address.Domain
}

func (t *selftest) printReplies(w io.Writer) {
	if t.Messages[0].Reply == "" {
		return
	}
	fmt.Fprintf(w, "\nPostfix at %s said:\n", t.SMTP)
	for i, p := range t.Messages {
		item(w, fmt.Sprintf("  %d  ", i+1), 5, cmp.Or(p.Reply, "nothing"))
		if p.Error != "" && (i == 0 || p.Error != t.Messages[0].Error) {
			item(w, "", 5, p.Error)
		}
	}
}

func (t *selftest) printGuide(w io.Writer) {
	fmt.Fprintf(w, "\nLook for %s in the mailbox, and in its spam folder. What is there?\n", t.Token)
	for _, o := range t.outcomes() {
		item(w, "  "+o.found, 18, o.meaning)
	}
	fmt.Fprintln(w, "\nTo compare the headers with what is expected above:")
	for _, advice := range t.advice() {
		item(w, "  ", 2, advice)
	}
}

type outcome struct{ found, meaning string }

func (t *selftest) outcomes() []outcome {
	id, ips := t.TenantID, join(t.snapshot.Platform().SendingIPs)
	return []outcome{
		{"both, in inbox", fmt.Sprintf("Mail on behalf of %s arrives. Compare the headers all the same: what says pass there is what keeps it arriving.", id)},
		{"only 1", t.onlyPlatform()},
		{"some as spam", fmt.Sprintf("Where a result is another than is expected, onbehalf check (1) or onbehalf check %s (2) tells why. "+
			"If all are pass, the receiver doubts this host or this text: ask its administrators.", id)},
		{"neither", fmt.Sprintf("It is not about %s. The log says whether the receiver refused them, and in which words. "+
			"Then see onbehalf check, onbehalf dns, and the block lists for %s.", id, ips)},
	}
}

// onlyPlatform says what it means when the tenant's message is lost, by the row that
// should have prevented that.
func (t *selftest) onlyPlatform() string {
	plan, id := t.Messages[1].Plan, t.TenantID
	switch {
	case plan.Shadow:
		return "This is the loss that onbehalf is for. It only watches as yet: remove mode: shadow, reload, and test again."
	case plan.Row == rewrite.RowDirect:
		return "The tenant's own server does not let us in; its administrators must allow " + join(t.snapshot.Platform().SendingIPs) + "."
	case plan.Verdict == rewrite.Rewrite:
		return "Should not happen: in the platform's name 2 is as good as 1. Has the log a line of onbehalf for it, and did the receiver take it (status=sent)?"
	case plan.Row == 6:
		return fmt.Sprintf("rewrite_from lets From stay though nothing vouches for it, and this receiver minds. Set it to always, "+
			"or have %s publish what onbehalf dns %[1]s prints.", id)
	}
	return fmt.Sprintf("The receiver does not find in DNS what row %s relies on. onbehalf check %s tells what is wrong, onbehalf dns %[2]s what must be published.",
		plan.Row, id)
}

func (t *selftest) advice() []string {
	all := []string{
		"Gmail: Show original. Outlook: View message source, or Properties. Thunderbird: Message Source. Apple Mail: All Headers.",
		fmt.Sprintf("On this host: journalctl -g '%s' (or grep -E in Postfix's log) has for each a line of onbehalf with the row, "+
			"and one of Postfix with status= and the receiver's words.", t.traces()),
	}
	tenants := t.Messages[1]
	if tenants.Plan.Shadow {
		return all
	}
	missing := "If 2 has no such DKIM-Signature"
	if tenants.Plan.Verdict == rewrite.Rewrite {
		missing += fmt.Sprintf(" and is still from %s", tenants.From)
	}
	return append(all, missing+", Postfix did not call onbehalf: see postconf smtpd_milters, and look for smtpd_milters and no_milters in master.cf.")
}

// traces is what to look for in logs.
func (t *selftest) traces() string {
	var ids []string
	for _, p := range t.Messages {
		if p.QueueID != "" {
			ids = append(ids, p.QueueID)
		}
	}
	return cmp.Or(strings.Join(ids, "|"), t.To.String())
}

func join(ips []netip.Addr) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ips), " ", ", "), "[]")
}

// columns is the width of a terminal that anybody has.
const columns = 80

// item prints text beside or, where there is no room, below a label, and breaks its
// lines at blanks so that they fit. What has no blank stays whole.
func item(w io.Writer, label string, indent int, text string) {
	line := fmt.Sprintf("%-*s", indent, label)
	if len(label) > indent {
		fmt.Fprintln(w, label)
		line = strings.Repeat(" ", indent)
	}
	empty := true
	for word := range strings.FieldsSeq(text) {
		if !empty && len(line)+1+len(word) > columns {
			fmt.Fprintln(w, line)
			line, empty = strings.Repeat(" ", indent), true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	fmt.Fprintln(w, line)
}
