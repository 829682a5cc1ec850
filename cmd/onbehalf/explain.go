package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"onbehalf/cmd/onbehalf/daemon"
	"onbehalf/message"
	"onbehalf/milter"
	"onbehalf/postfix"
	"onbehalf/rewrite"
	"onbehalf/tenant"
	"onbehalf/term"
)

// explainOptions is what explain is asked.
type explainOptions struct {
	from, login, client, host string
	to                        []string
	fromGiven                 bool
	file                      string
	asJSON                    bool
}

func (p *program) explain() *cobra.Command {
	var q explainOptions
	cmd := &cobra.Command{
		Use:   "explain [FILE]",
		Short: "Show what would become of a message, and why",
		Long: `Show the plan for a message, why it is that, and the header as the receiver will see
it below the signatures. The message is read from FILE or standard input; a header is
enough. Nothing is changed and nothing is sent.`,
		Args:              takes("[FILE]"),
		ValidArgsFunction: once(anyFile),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.fromGiven = cmd.Flags().Changed("from")
			q.file = strings.Join(args, "")
			return p.runExplain(cmd.Context(), q)
		},
	}
	cmd.Flags().StringVar(&q.from, "from", "", "envelope sender; <> is the null sender (default: the author)")
	cmd.Flags().StringSliceVar(&q.to, "rcpt", nil, "envelope recipient; may be repeated")
	cmd.Flags().StringVar(&q.login, "login", "", "SASL login of the submitter")
	cmd.Flags().StringVar(&q.client, "client", "127.0.0.1", "IP address of the submitter")
	hostFlag(cmd, &q.host)
	cmd.Flags().BoolVar(&q.asJSON, "json", false, "print the plan and the header as JSON")
	return cmd
}

func (p *program) runExplain(ctx context.Context, q explainOptions) error {
	now, _, err := p.needRest()
	if err != nil {
		return err
	}
	m, err := p.readQuestion(ctx, q)
	if err != nil {
		return err
	}
	p.recall(now, nil) // the author, whose tenant it is about, may be anybody
	snapshot := now.Table().Snapshot()
	plan := rewrite.Decide(m, snapshot)
	if q.asJSON {
		return printJSON(p.out, explanation{plan, plan.Sender(m).Verbatim, plan.Apply(m.Header), refusedAt(m, now)})
	}
	printPlan(p.out, m, plan, refusedAt(m, now), snapshot)
	return nil
}

// refusedAt returns the recipients that are refused at RCPT, and why.
func refusedAt(m message.Message, now *daemon.Generation) map[string]string {
	refused := make(map[string]string)
	for _, to := range m.Envelope.ForwardPaths {
		if _, _, err := rewrite.Route(m.Envelope.ReversePath, to, now.Table().Snapshot(), m.Received); err != nil {
			refused[to.Verbatim] = err.Error()
		}
	}
	return refused
}

// explanation is what --json prints.
type explanation struct {
	Plan   rewrite.Plan   `json:"plan"`
	Sender string         `json:"sender"` // that the message leaves with; empty: the null sender
	Header message.Header `json:"header"` // as the receiver will see it
	// Refused are the recipients that RCPT is refused for, with the reason.
	Refused map[string]string `json:"refused,omitempty"`
}

// readable refuses recipients that Postfix would refuse before anything of ours is asked. It takes
// odder envelope senders.
func (q explainOptions) readable() error {
	for _, to := range q.to {
		if err := wellFormed(to); err != nil {
			return misuse("--rcpt: %w", err)
		}
	}
	return nil
}

// wellFormed says what is wrong with an address. Postmaster alone, and the address of a host in
// brackets, are right in SMTP (RFC 5321 sections 4.1.1.3 and 4.1.3).
func wellFormed(text string) error {
	path := message.ParsePath(text)
	if path.Readable() || strings.EqualFold(path.Verbatim, "postmaster") || strings.HasSuffix(path.Verbatim, "]") {
		return nil
	}
	_, err := message.ParseAddress(path.Verbatim)
	return fmt.Errorf("%q: %w", text, err)
}

// readHeader reads a message from a file, a pipe or, without a name, from standard input.
func (p *program) readHeader(name string) (message.Header, error) {
	in, shown := p.in, name
	if name == "" || name == "-" {
		shown = "standard input"
	}
	defer p.waits("a message from " + shown)()
	if shown == name {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	return message.ReadHeader(message.NewReader(in))
}

// patience is how long a command waits for its input without a word.
const patience = time.Second

// waits says what the command waits for, unless stop is called before long.
func (p *program) waits(what string) (stop func()) {
	said := make(chan struct{})
	timer := time.AfterFunc(patience, func() {
		defer close(said)
		p.sayLine("onbehalf: waiting for %s; Ctrl-C ends this", term.Clean(what))
	})
	return func() {
		if !timer.Stop() {
			<-said
		}
	}
}

func (p *program) readQuestion(ctx context.Context, q explainOptions) (message.Message, error) {
	header, err := p.readHeader(q.file)
	if err != nil {
		return message.Message{}, err
	}
	client, err := netip.ParseAddr(q.client)
	if err != nil {
		return message.Message{}, misuse("--client: %q is not an IP address", q.client)
	}
	if err := q.readable(); err != nil {
		return message.Message{}, err
	}
	host := postfix.Instance("").Hostname(ctx, q.host)
	m := message.Message{Header: header, Received: time.Now()}
	m.Host, _ = message.ParseHost(host)
	m.Submitter = message.Submitter{Client: client, Login: q.login}
	m.Envelope.ReversePath = message.ParsePath(q.from)
	if !q.fromGiven {
		m.Envelope.ReversePath = message.PathOf(header.Author()) // as most programs do
	}
	for _, to := range q.to {
		m.Envelope.ForwardPaths = append(m.Envelope.ForwardPaths, message.ParsePath(to))
	}
	return m, nil
}

func printPlan(w io.Writer, m message.Message, plan rewrite.Plan, refused map[string]string, s *tenant.Snapshot) {
	var rows [][]string
	line := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	line("row", plan.Row.String())
	line("action", string(plan.Action))
	line("reason", plan.Reason)
	line("detail", plan.Detail)
	line("tenant", plan.Tenant)
	for _, d := range plan.Standings {
		line("standing", standingText(s, d))
	}
	if plan.Shadow {
		line("mode", "shadow: logged, and the message left as it is")
	}
	line("sender", m.Envelope.ReversePath.String())
	if plan.ReversePath != nil {
		line("new sender", plan.Sender(m).String())
	}
	for _, to := range m.Envelope.ForwardPaths {
		line("recipient", recipient(to, plan, refused, s))
	}
	for _, e := range plan.Edits {
		line(string(e.Op), strings.TrimSpace(fmt.Sprintf("%s: %s", e.Name, message.Field{Value: e.Value}.Text())))
	}
	for _, id := range plan.Sign {
		line("sign", fmt.Sprintf("%s (%s)", id, id.Algorithm))
	}
	if plan.Action == rewrite.Refuse {
		line("reply", milter.Reply(plan))
	}
	out := term.New(w)
	out.Table(nil, rows, nil)
	if plan.Action != rewrite.Refuse {
		out.Blank()
		out.Heading("The header as the receiver will see it, below the signatures:")
		out.Blank()
		out.Lines(strings.ReplaceAll(plan.Apply(m.Header).String(), "\r\n", "\n"))
	}
}

// standingText says what is known of the domain, and of the one that publishes keys for it.
func standingText(snapshot *tenant.Snapshot, d message.Domain) string {
	s := snapshot.Standing(d)
	if !s.LookedUp() {
		return d.String() + " has not been looked up yet"
	}
	words := []string{d.String() + ": SPF " + stateText(s.SPF)}
	_, apex := snapshot.Owner(d)
	publisher := snapshot.Standing(apex)
	for _, key := range publisher.DKIM {
		words = append(words, "DKIM "+key.Name+" "+stateText(key.Mechanism))
	}
	if publisher.ReturnPath.Of != "" {
		words = append(words, "return path "+stateText(publisher.ReturnPath))
	}
	return strings.Join(append(words, "DMARC "+cmp.Or(string(s.DMARC.Policy), "not known")), ", ")
}

func stateText(m tenant.Mechanism) string { return cmp.Or(string(m.State), "unknown") }

// recipient says what becomes of one.
func recipient(to message.Path, plan rewrite.Plan, refused map[string]string, s *tenant.Snapshot) string {
	if why, found := refused[to.Verbatim]; found {
		return to.String() + " is refused at RCPT, 550: " + why
	}
	for _, x := range plan.Redirects {
		if x.Recipient == to.Verbatim {
			return to.String() + " -> <" + x.To.String() + ">" + route(x.To.Domain, s)
		}
	}
	return to.String() + route(to.Address.Domain, s)
}

// route says how mail for a domain is delivered, if that is not by MX.
func route(d message.Domain, s *tenant.Snapshot) string {
	owner, _ := s.Owner(d)
	switch direct, hop := rewrite.DirectHop(s, d); {
	case direct != nil && direct.Direct.TLS != tenant.TLSMay:
		return fmt.Sprintf(", delivered directly to %s, tls: %s", hop, direct.Direct.TLS)
	case direct != nil:
		return ", delivered directly to " + hop.String()
	case owner == nil || !owner.Direct.Covers(d):
		return ""
	case owner.Policy.Mode == tenant.Shadow:
		return ", not delivered directly: its mode is shadow"
	}
	return fmt.Sprintf(", not delivered directly: no key or return path of ours proves that %s is the tenant's", d.Unicode())
}
