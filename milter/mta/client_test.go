package mta

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onbehalf/message"
)

// milter is the other side: it answers each command with what its letter stands for,
// and keeps what came.
type milter struct {
	protocol uint32
	answers  map[byte]string // frames; none: 'c', but for the commands that are never answered
	got      chan string     // all frames of a connection, when it has ended

	recipients []string // answers to RCPT, in their order; none: as the others
}

func start(t *testing.T, m *milter) (address string) {
	t.Helper()
	folder := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(folder, "s"))
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	m.got = make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			m.got <- m.converse(conn)
		}
	}()
	return listener.Addr().String()
}

func (m *milter) converse(conn net.Conn) string {
	defer conn.Close()
	var got strings.Builder
	for {
		var head [5]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return got.String()
		}
		data := make([]byte, binary.BigEndian.Uint32(head[:])-1)
		if _, err := io.ReadFull(conn, data); err != nil {
			return got.String()
		}
		command := head[4]
		got.WriteString(string(command) + strings.ReplaceAll(string(data), "\x00", "|") + "\n")
		answer, found := m.answers[command]
		bit, optional := noReplyBits[command]
		switch {
		case command == 'R' && len(m.recipients) > 0:
			io.WriteString(conn, m.recipients[0])
			m.recipients = m.recipients[1:]
		case found:
			io.WriteString(conn, answer)
		case command == 'O':
			io.WriteString(conn, frame("O", Offer{2, 0x1ff, m.protocol}.Octets()))
		case optional && m.protocol&bit == 0, command == 'E':
			io.WriteString(conn, frame("c", nil))
		}
	}
}

func frame(code string, data []byte) string {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(code)+len(data)))
	return string(head) + code + string(data)
}

// edits joins frames given as a letter and its data each, before an accept.
func edits(all ...string) map[byte]string {
	var b strings.Builder
	for _, one := range append(all, "a") {
		b.WriteString(frame(one, nil))
	}
	return map[byte]string{'E': b.String()}
}

// at is an index and a field.
func at(code string, index byte, name, value string) string {
	return code + "\x00\x00\x00" + string([]byte{index}) + name + "\x00" + value + "\x00"
}

func mail() Mail {
	return Mail{
		Host: "mx", QueueID: "Q1", Sender: "a@b.example SIZE=10", Recipients: []string{"<C@d.example>", "e@d.example"},
		Header: message.Header{{Name: "A", Value: " 1"}, {Name: "B", Value: " 2\r\n\tfold"}, {Name: "a", Value: " 3"}},
		Body:   []byte("text\r\n"),
	}
}

func send(t *testing.T, m *milter, mails ...Mail) (Result, error) {
	t.Helper()
	client, err := Dial("unix", start(t, m))
	must(t, err)
	defer client.Close()
	must(t, client.Connect(mails[0]))
	var result Result
	for _, one := range mails {
		if result, err = client.Send(one); err != nil {
			return result, err
		}
	}
	return result, nil
}

// TestEdits: as Postfix counts and carries them out.
func TestEdits(t *testing.T) {
	plain := "A: 1\r\nB: 2\r\n\tfold\r\na: 3\r\n"
	for name, c := range map[string]struct {
		edits      []string
		sender     string
		recipients string
		header     string
	}{
		"none":               {nil, "<a@b.example>", "<C@d.example> e@d.example", plain},
		"add":                {[]string{"hX\x00 y\n z\x00"}, "", "", plain + "X: y\r\n z\r\n"},
		"change":             {[]string{at("m", 1, "B", " new")}, "", "", "A: 1\r\nB: new\r\na: 3\r\n"},
		"change by spelling": {[]string{at("m", 2, "A", " new")}, "", "", "A: 1\r\nB: 2\r\n\tfold\r\nA: new\r\n"},
		"index 0 is 1":       {[]string{at("m", 0, "A", " new")}, "", "", "A: new\r\nB: 2\r\n\tfold\r\na: 3\r\n"},
		"change beyond":      {[]string{at("m", 3, "A", " new")}, "", "", plain + "A: new\r\n"},
		"delete":             {[]string{at("m", 1, "A", "")}, "", "", "B: 2\r\n\tfold\r\na: 3\r\n"},
		"delete, then change": {[]string{at("m", 1, "A", ""), at("m", 1, "A", " new")}, "", "",
			"B: 2\r\n\tfold\r\nA: new\r\n"},
		"delete beyond":          {[]string{at("m", 1, "Z", "")}, "", "", plain},
		"insert at the top":      {[]string{at("i", 0, "X", " 1"), at("i", 0, "X", " 2")}, "", "", "X: 2\r\nX: 1\r\n" + plain},
		"insert beyond":          {[]string{at("i", 99, "X", " 1")}, "", "", plain + "X: 1\r\n"},
		"sender":                 {[]string{"e<x@y.example>\x00"}, "<x@y.example>", "", plain},
		"null sender":            {[]string{"e<>\x00"}, "<>", "", plain},
		"add recipient":          {[]string{"+<x@y.example>\x00"}, "", "<C@d.example> e@d.example <x@y.example>", plain},
		"delete recipient":       {[]string{"-<e@d.example>\x00"}, "", "<C@d.example>", plain},
		"recipient not verbatim": {[]string{"-<c@d.example>\x00"}, "", "<C@d.example> e@d.example", plain},
	} {
		got, err := send(t, &milter{protocol: leadingSpace, answers: edits(c.edits...)}, mail())
		must(t, err)
		if got.Header.String() != c.header || c.sender != "" && got.Sender != c.sender || c.recipients != "" && strings.Join(got.Recipients, " ") != c.recipients {
			t.Errorf("%s: %s %s\n%s", name, got.Sender, got.Recipients, got.Header)
		}
	}
}

// TestLeadingSpace: without that step values travel without their space and get it back.
func TestLeadingSpace(t *testing.T) {
	m := &milter{answers: edits("hX\x00y\x00")}
	got, err := send(t, m, mail())
	must(t, err)
	if want := "A: 1\r\nB: 2\r\n\tfold\r\na: 3\r\nX: y\r\n"; got.Header.String() != want {
		t.Errorf("header is\n%s", got.Header)
	}
	if sent := <-m.got; !strings.Contains(sent, "LA|1|\nLB|2\n\tfold|\n") {
		t.Errorf("sent was\n%s", sent)
	}
}

// TestConversation: the commands, in Postfix's order.
func TestConversation(t *testing.T) {
	const allWithoutReply = 0x80 | 0x1000 | 0x4000 | 0x8000 | 0x40000 | 0x80000
	local, alice := mail(), mail()
	local.Local, alice.Login, alice.Sender = true, "alice", `<"a b"@c.example> SMTPUTF8 BODY=8BITMIME`
	content := "LA| 1|\nLB| 2\n\tfold|\nLa| 3|\nDNi|Q1|\nN\nBtext\r\n\nDEi|Q1|\nE\nA\n"
	recipients := "DRi|Q1|\nR<C@d.example>|\nDRi|Q1|\nR<e@d.example>|\n"
	for _, protocol := range []uint32{leadingSpace, leadingSpace | allWithoutReply} {
		for _, c := range []struct {
			mail Mail
			want string
		}{
			{mail(), "DM\nM<a@b.example>|SIZE=10|\n" + recipients + content + "Q\n"},
			{local, "DMi|Q1|\nMa@b.example|SIZE=10|\n" + recipients + content + "Q\n"},
			{alice, "DM{auth_type}|PLAIN|{auth_authen}|alice|\nM<\"a b\"@c.example>|SMTPUTF8|BODY=8BITMIME|\n" + recipients + content + "Q\n"},
		} {
			m := &milter{protocol: protocol}
			_, err := send(t, m, c.mail)
			must(t, err)
			_, got, _ := strings.Cut(<-m.got, "DM")
			if got = "DM" + got; got != c.want {
				t.Errorf("sent was\n%s\nwant\n%s", got, c.want)
			}
		}
	}
}

// TestReplies: what a milter may answer, wherever it does. What is accepted keeps all
// its recipients.
func TestReplies(t *testing.T) {
	for name, c := range map[string]struct {
		answer, want string
	}{
		"accept":    {frame("a", nil), ""},
		"reject":    {frame("r", nil), "550 5.7.1 Command rejected"},
		"temporary": {frame("t", nil), "451 4.7.1 Service unavailable"},
		"own words": {frame("y550 5.7.1 100%% no\x00", nil), "550 5.7.1 100% no"},
	} {
		for _, command := range []byte("MRNE") {
			m := &milter{protocol: leadingSpace, answers: map[byte]string{command: c.answer}}
			got, err := send(t, m, mail(), mail())
			must(t, err)
			if got.Reply != c.want || c.want == "" && (!slices.Equal(got.Recipients, mail().Recipients) || got.Refused != nil) {
				t.Errorf("%s at %c: reply is %q, recipients %s, refused %v", name, command, got.Reply, got.Recipients, got.Refused)
			}
			if command == 'R' && c.want != "" && (got.Recipients != nil || len(got.Refused) != 2 || got.Refused["e@d.example"] != c.want) {
				t.Errorf("%s at %c: recipients %s, refused %v", name, command, got.Recipients, got.Refused)
			}
			if sent := <-m.got; strings.Count(sent, "\nA\n") != 2 {
				t.Errorf("%s at %c: a message does not end with A:\n%s", name, command, sent)
			}
		}
	}
}

// TestRefusedRecipients: the others, and the message, go on; an accept lets all that
// is left go on unseen.
func TestRefusedRecipients(t *testing.T) {
	refuse, goOn, accept := frame("y550 5.1.1 no\x00", nil), frame("c", nil), frame("a", nil)
	for name, c := range map[string]struct {
		answers             []string // to each RCPT
		left, refused, sent string
	}{
		"none":             {[]string{goOn, goOn}, "<C@d.example> e@d.example", "", "N"},
		"first":            {[]string{refuse, goOn}, "e@d.example", "<C@d.example>", "N"},
		"last":             {[]string{goOn, refuse}, "<C@d.example>", "e@d.example", "N"},
		"all":              {[]string{refuse, refuse}, "", "<C@d.example> e@d.example", "A"},
		"accepted at once": {[]string{accept}, "<C@d.example> e@d.example", "", "A"},
		"refused, then ok": {[]string{refuse, accept}, "e@d.example", "<C@d.example>", "A"},
	} {
		m := &milter{protocol: leadingSpace, recipients: c.answers}
		got, err := send(t, m, mail())
		must(t, err)
		var refused []string
		for _, recipient := range mail().Recipients {
			if got.Refused[recipient] == "550 5.1.1 no" {
				refused = append(refused, recipient)
			}
		}
		all := c.left == ""
		if strings.Join(got.Recipients, " ") != c.left || strings.Join(refused, " ") != c.refused || all != (got.Reply == "550 5.1.1 no") || !all && got.Reply != "" {
			t.Errorf("%s: %s, refused %v, reply %q", name, got.Recipients, got.Refused, got.Reply)
		}
		sent := <-m.got
		if _, sent, _ = strings.Cut(sent, "\nR<"); (c.sent == "N") != strings.Contains(sent, "\nN\n") || !strings.Contains(sent, "\nA\n") {
			t.Errorf("%s: sent was\n%s", name, sent)
		}
	}
}

// TestBadAnswers: each is an error, at each command.
func TestBadAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"unknown letter": frame("?", nil), "no octets": "\x00\x00\x00\x00\x00", "too many": "\x7f\xff\xff\xffa", "short edit": frame("m\x00", nil),
	} {
		for _, command := range []byte("MRLNBE") {
			if got, err := send(t, &milter{answers: map[byte]string{command: answer}}, mail()); err == nil {
				t.Errorf("%s at %c: no error: %v", name, command, got)
			}
		}
		for _, command := range []byte("MRN") {
			if got, err := send(t, &milter{answers: map[byte]string{command: frame("+<x@y.example>\x00", nil)}}, mail()); err == nil {
				t.Errorf("an edit at %c: no error: %v", command, got)
			}
		}
		if client, err := Dial("unix", start(t, &milter{answers: map[byte]string{'O': answer}})); err == nil {
			client.Close()
			t.Errorf("%s: negotiated", name)
		}
	}
	if _, err := Dial("unix", filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("there is nobody, and no error")
	}
}

// TestLongBody is cut into chunks as Postfix does it.
func TestLongBody(t *testing.T) {
	long := mail()
	long.Body = bytes.Repeat([]byte("x"), 2*maxChunk+1)
	m := new(milter)
	_, err := send(t, m, long)
	must(t, err)
	var sizes []int
	for text := range strings.Lines(<-m.got) {
		if strings.HasPrefix(text, "Bx") {
			sizes = append(sizes, len(text)-len("B\n"))
		}
	}
	if !slices.Equal(sizes, []int{maxChunk, maxChunk, 1}) {
		t.Errorf("chunks of %d octets", sizes)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
