package resolve_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"onbehalf/authorize/resolve"
)

// answering answers each question with one answer or error.
type answering struct {
	answer resolve.Answer
	err    error
}

func (a answering) Ask(context.Context, string, uint16) (resolve.Answer, error) {
	return a.answer, a.err
}

// TestRecordedJSON: what DNS answered is the same when it was written and read back, errors and
// all that they are told apart by.
func TestRecordedJSON(t *testing.T) {
	t.Parallel()
	odd := make([]byte, 256)
	for i := range odd {
		odd[i] = byte(i)
	}
	many := strings.Repeat("\x02ab", 20)
	s := serve(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		switch name := q.Question[0].Name; {
		case name == "odd.nl.":
			packet, _ := m.Pack()
			packet[7] = 2
			w.Write(append(packet, wire(question, dns.TypeTXT, "\xff"+string(odd[:255])+"\x01\xff")+wire(question, dns.TypeTXT, many)...))
			return
		case name == "gone.nl.":
			m.Rcode = dns.RcodeNameError
			m.SetEdns0(1232, false)
			m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeStaleAnswer, ExtraText: "of yesterday"})
		case name == "down.nl.":
			m.Rcode = dns.RcodeServerFailure
		case name == "alias.nl.":
			m.Answer = rrs("alias.nl. CNAME x.nl.", "x.nl. MX 10 mail.x.nl.", "x.nl. A 192.0.2.1", "x.nl. AAAA 2001:db8::1", "x.nl. NS ns.x.nl.", "x.nl. PTR host.x.nl.")
		}
		w.WriteMsg(m)
	})
	live := resolve.NewRecorder(t.Context(), client(t, s.Addr))
	types := []uint16{dns.TypeTXT, dns.TypeMX, dns.TypeA, dns.TypeAAAA, dns.TypeNS, dns.TypePTR, dns.TypeCNAME}
	for _, name := range []string{"odd.nl", "Gone.nl.", "down.nl", "alias.nl", `a\@\200.nl`, "a..nl", strings.Repeat("\xe9", 70) + ".nl"} {
		for _, qtype := range types {
			live.To(name, qtype)
		}
	}
	for i, cause := range []error{resolve.ErrTooLarge, resolve.ErrNoTurn, resolve.ErrNotAsked} {
		name := fmt.Sprintf("e%d.nl", i)
		live.AskBy(answering{resolve.Answer{Chain: []string{name}}, fmt.Errorf("%w, and a\nsecond line", cause)})
		live.To(name, dns.TypeTXT)
	}
	recorded := live.Recorded()
	if len(recorded.All()) != 7*len(types)+3 {
		t.Errorf("%d replies", len(recorded.All()))
	}
	text, err := json.Marshal(recorded)
	var back resolve.Recorded
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range recorded.All() {
		got, err := back.To(want.Name, want.Type)
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want.Answer) {
			t.Errorf("%s %d: %+v\nnot %+v", want.Name, want.Type, got, want.Answer)
		}
		if fmt.Sprint(err) != fmt.Sprint(want.Err) || (err != nil) && !errors.As(err, new(*resolve.Error)) {
			t.Errorf("%s %d: %v\nnot %v", want.Name, want.Type, err, want.Err)
		}
		for _, cause := range []error{resolve.ErrTooLarge, resolve.ErrNoTurn, resolve.ErrNotAsked} {
			if errors.Is(err, cause) != errors.Is(want.Err, cause) {
				t.Errorf("%s %d: %v is another error", want.Name, want.Type, err)
			}
		}
	}
	if again, err := json.Marshal(back); err != nil || string(again) != string(text) {
		t.Errorf("%v\n%s\nnot\n%s", err, again, text)
	}
	if gone, _ := back.To("gone.nl", dns.TypeTXT); gone.Code != "NXDOMAIN" || !gone.NoName || fmt.Sprint(gone.Extended) != `[Stale Answer "of yesterday"]` || gone.At.IsZero() {
		t.Errorf("%+v", gone)
	}
	if _, err := back.To("other.nl", dns.TypeTXT); !errors.Is(err, resolve.ErrNotAsked) {
		t.Errorf("what was never asked: %v", err)
	}
}

// TestRecordedDamaged: what is not the JSON of a Recorded is refused, and never a panic.
func TestRecordedDamaged(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`, `[{"name":"x.nl","type":"NONE"}]`, `[{"name":"x.nl","type":"MX","records":[{"ttl":1,"data":"ten mail.x.nl."}]}]`,
		`[{"name":"x.nl","type":"A","records":[{"ttl":1}]}]`, `[{"name":"x.nl","type":"A","records":[{"ttl":1,"data":"1.2.3.4\nx.nl. A 1.2.3.5 )"}]}]`,
	} {
		if err := json.Unmarshal([]byte(text), new(resolve.Recorded)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
	if err := json.Unmarshal([]byte(`[{"name":"x.nl","type":"TXT"},{"name":"x.nl","type":"TXT","error":"silence"}]`), new(resolve.Recorded)); err != nil {
		t.Error(err)
	}
}

// TestAskAgain: what could not be asked before is asked when that has changed.
func TestAskAgain(t *testing.T) {
	t.Parallel()
	r := resolve.NewRecorder(t.Context(), answering{err: resolve.ErrNotAsked})
	if _, err := ofText(r, "x.nl"); !errors.Is(err, resolve.ErrNotAsked) {
		t.Error(err)
	}
	r.AskBy(answering{answer: resolve.Answer{Chain: []string{"x.nl"}, NoName: true}})
	for range 2 {
		if got, err := ofText(r, "x.nl"); err != nil || !got.NoName {
			t.Error(got, err)
		}
		r.AskBy(answering{err: errSilent})
	}
	if n := len(r.Recorded().All()); n != 1 {
		t.Errorf("%d replies", n)
	}
}
