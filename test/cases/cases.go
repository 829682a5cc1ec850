// Package cases reads the messages that unit tests, law tests and the real Postfix
// share. A case is one txtar file:
//
//	session      how the message came: from, to, client, login, local, host, smtputf8,
//	             and body: no-final-newline
//	environment  overrides of the cast's configuration, as ONBEHALF_ variables
//	standings    what DNS has shown: a domain, then spf, dkim=SELECTOR,..., path,
//	             dmarc=POLICY, adkim=s, aspf=s; warning after what the last lookup found gone
//	message      header and body
//	plan         the expected plan
//	header       the expected header
package cases

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"onbehalf/config"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/rewrite"
	"onbehalf/tenant"
)

// Now is the instant at which every case plays.
var Now = time.Date(2026, time.June, 1, 9, 0, 0, 0, time.UTC)

// Case is one message.
type Case struct {
	Name    string
	Path    string
	Table   *tenant.Table
	Keys    *keys.Ring
	Message message.Message
	Body    []byte // lines ending in CRLF
	archive *txtar.Archive
}

// All reads every case of a folder. A folder without any is a failure.
func All(t testing.TB, folder string) []Case {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.txtar"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no case in %s (%v)", folder, err)
	}
	cast := reader{NewCast(t), make(map[string]*config.Config)}
	var all []Case
	for _, path := range paths {
		all = append(all, cast.read(t, path))
	}
	return all
}

// reader loads each configuration once, for most cases share one.
type reader struct {
	*Cast
	loaded map[string]*config.Config // by environment
}

func (c reader) read(t testing.TB, path string) Case {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	one := Case{Name: strings.TrimSuffix(filepath.Base(path), ".txtar"), Path: path, Keys: c.Keys, archive: archive}
	environment := one.section("environment")
	if c.loaded[environment] == nil {
		c.loaded[environment] = c.identified(t, strings.Fields(environment))
	}
	one.Table = c.table(t, c.loaded[environment])
	if err := one.Table.SetStandings(Standings(t, one.section("standings"))...); err != nil {
		t.Fatal(err)
	}
	one.readMessage(t)
	one.readSession(t)
	return one
}

func (c *Case) section(name string) string {
	for _, file := range c.archive.Files {
		if file.Name == name {
			return string(file.Data)
		}
	}
	return ""
}

func (c *Case) readMessage(t testing.TB) {
	t.Helper()
	reader := bufio.NewReaderSize(strings.NewReader(c.section("message")), 1<<20)
	header, err := message.ReadHeader(reader)
	if err != nil {
		t.Fatalf("%s: %v", c.Path, err)
	}
	var body bytes.Buffer
	reader.WriteTo(&body)
	c.Message.Header = header
	c.Body = bytes.ReplaceAll(body.Bytes(), []byte("\n"), []byte("\r\n"))
}

func (c *Case) readSession(t testing.TB) {
	t.Helper()
	m := &c.Message
	m.Received, m.QueueID = Now, "4XQUEUE"
	m.Host, _ = message.ParseDomain("mail.courseware.nl")
	m.Submitter.Client = netip.MustParseAddr("192.0.2.10")
	for line := range strings.Lines(c.section("session")) {
		name, value, found := strings.Cut(strings.TrimSpace(line), ":")
		if !found {
			t.Fatalf("%s: session line %q is not name: value", c.Path, line)
		}
		c.set(t, name, strings.TrimSpace(value))
	}
}

func (c *Case) set(t testing.TB, name, value string) {
	m := &c.Message
	switch name {
	case "from":
		m.Envelope.ReversePath = message.ParsePath(value)
	case "to":
		m.Envelope.ForwardPaths = append(m.Envelope.ForwardPaths, message.ParsePath(value))
	case "client":
		m.Submitter.Client = netip.MustParseAddr(value)
	case "login":
		m.Submitter.Login = value
	case "local":
		m.Submitter.Local, m.Submitter.Client = true, netip.MustParseAddr("127.0.0.1")
	case "smtputf8":
		m.Envelope.SMTPUTF8 = true
	case "body":
		c.Body = bytes.TrimSuffix(c.Body, []byte("\r\n"))
	default:
		t.Fatalf("%s: session has the unknown name %q", c.Path, name)
	}
}

// Decide returns the case's plan.
func (c *Case) Decide() rewrite.Plan { return rewrite.Decide(c.Message, c.Table.Snapshot()) }

// Octets returns the message as a client sends it.
func (c *Case) Octets() []byte {
	return append([]byte(c.Message.Header.String()+"\r\n"), c.Body...)
}

// Want returns the plan and the header that the case expects.
func (c *Case) Want() (plan, header string) { return c.section("plan"), c.section("header") }

// Update writes the plan and the header into the case's file.
func (c *Case) Update(t testing.TB, plan, header string) {
	t.Helper()
	var files []txtar.File
	for _, file := range c.archive.Files {
		if file.Name != "plan" && file.Name != "header" {
			files = append(files, file)
		}
	}
	files = append(files, txtar.File{Name: "plan", Data: []byte(plan)})
	if header != "" {
		files = append(files, txtar.File{Name: "header", Data: []byte(header)})
	}
	c.archive.Files = files
	if err := os.WriteFile(c.Path, txtar.Format(c.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Print returns a plan as a case has it.
func Print(p rewrite.Plan) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("row %s: %s: %s", p.Row, p.Action, p.Reason)
	if p.Detail != "" {
		line("detail %s", p.Detail)
	}
	if p.Tenant != "" {
		line("tenant %s", p.Tenant)
	}
	if p.Shadow {
		line("shadow")
	}
	if p.ReversePath != nil {
		line("sender %s", p.ReversePath)
	}
	for _, x := range p.Redirects {
		line("redirect %s to %s", x.Recipient, x.To)
	}
	for _, e := range p.Edits {
		line("%s", strings.TrimRight(fmt.Sprintf("%s %s %d %s", e.Op, e.Name, e.Index, message.Field{Value: e.Value}.Text()), " "))
	}
	for _, id := range p.Sign {
		line("sign %s %s", id, id.Algorithm)
	}
	return b.String()
}
