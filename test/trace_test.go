package test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onbehalf/test/cases"
	"onbehalf/test/postfix"
	"onbehalf/trace"
)

// traced runs the command on the logs of a house, as they are now.
func (h *house) traced(t *testing.T, query string) trace.Result {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for name, text := range map[string]string{"mail.log": h.postfix.Log(), "onbehalf.log": h.log.String()} {
		files = append(files, filepath.Join(t.TempDir(), name))
		if err := os.WriteFile(files[len(files)-1], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary, append([]string{"trace", "--json", query}, files...)...)
	out, err := cmd.Output()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	var found trace.Result
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return found
}

// awaitReturned awaits a story with one notification whose recipient's line is in the log, too.
func (h *house) awaitReturned(t *testing.T, query string, words ...string) trace.Return {
	t.Helper()
	var s trace.Story
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if s = h.await(t, query, words...); len(s.Returned) == 1 && len(s.Returned[0].Recipients) > 0 {
			return s.Returned[0]
		}
	}
	t.Fatalf("returned %+v", s.Returned)
	return trace.Return{}
}

// await traces until the newest story has an answer with all the words, and returns that story.
func (h *house) await(t *testing.T, query string, words ...string) trace.Story {
	t.Helper()
	var answer string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		found := h.traced(t, query)
		if len(found.Holes) > 0 {
			t.Errorf("%s: the log of Postfix, or ours, has holes: %q", query, found.Holes)
		}
		if len(found.Stories) == 0 {
			continue
		}
		if answer = found.Stories[0].Answer; hasAll(answer, words) {
			return found.Stories[0]
		}
	}
	t.Fatalf("%s: the answer is %q, want one with %q", query, answer, words)
	return trace.Story{}
}

func hasAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// TestTrace has mail sent, refused by a receiver, deferred, refused by us, and returned from
// outside, and reads what became of it in the logs of Postfix and onbehalf.
func TestTrace(t *testing.T) {
	down := "127.0.0.1:1" // nothing listens there
	h := buildWith(t, func(far string) string {
		return "transport_maps = inline:{ {receiver.example = smtp:" + bracketPort(far) + "} {down.example = smtp:" + bracketPort(down) + "} }\n"
	})
	h.far(t) // refuses student@receiver.example, behind a server that has taken it
	h.sink.Refuse("nobody@example.net")
	c := find(t, "row06")
	c.Table = cases.NewCast(t).Table(t, "ONBEHALF_TRUST_NETWORKS=192.0.2.0/24")
	h.play(c)
	client := h.dial(t, c.Message)
	submit := func(id string, to ...string) postfix.Reply {
		t.Helper()
		message := strings.Replace(string(c.Octets()), "Message-ID: <1@", "Message-ID: <"+id+"@", 1)
		return client.Send("academy@yourorganisationname.nl", to, []byte(message))
	}
	for id, to := range map[string][]string{
		"sent": {"one@example.net"}, "split": {"two@example.net", "nobody@example.net"},
		"waiting": {"three@down.example"}, "returned": {"student@receiver.example"},
	} {
		if reply := submit(id, to...); !reply.OK() {
			t.Fatal(reply)
		}
	}
	t.Run("Sent", func(t *testing.T) {
		s := h.await(t, "one@example.net", "Sent to one@example.net at 127.0.0.1.")
		if d := s.Decision; d == nil || d.Row != "6 on-behalf" || d.Tenant != "yourorg" || !strings.Contains(d.Changed, "change From") ||
			!strings.Contains(d.Signed, "courseware.nl") || d.Sender != "academy@yourorganisationname.nl" || d.NewSender != s.Sender {
			t.Errorf("decision %+v, sender %s", d, s.Sender)
		}
		if s.MessageID == "" || s.Client != "unknown[192.0.2.10]" || len(s.QueueIDs) != 1 || len(s.Notes) > 0 {
			t.Errorf("story %+v", s)
		}
		for _, by := range []string{s.QueueIDs[0], s.MessageID} {
			if again := h.traced(t, by); len(again.Stories) == 0 || !hasAnswer(again.Stories, s.Answer) {
				t.Errorf("by %s: %+v", by, again)
			}
		}
	})
	t.Run("Bounced", func(t *testing.T) {
		r := h.awaitReturned(t, "nobody@example.net", "Refused by 127.0.0.1 for nobody@example.net (550 5.1.1, mailbox)", "sent to two@example.net", "the notification went to")
		if r.Outside {
			t.Errorf("returned %+v", r)
		}
	})
	t.Run("Deferred", func(t *testing.T) {
		h.await(t, "three@down.example", "Not delivered yet to three@down.example, no server was reached (4.4.1, other)", "Connection refused")
	})
	t.Run("Returned", func(t *testing.T) {
		r := h.awaitReturned(t, "student@receiver.example", "Returned: 127.0.0.1 accepted it for student@receiver.example, and it came back",
			"failed 5.1.1", "onbehalf forwarded the notification to academy@yourorganisationname.nl")
		if !r.Outside || len(r.Recipients) != 1 || r.Recipients[0].Address != "academy@yourorganisationname.nl" {
			t.Errorf("returned %+v", r)
		}
	})
	t.Run("Refused", func(t *testing.T) {
		c := find(t, "row10-other-tenant")
		h.play(c)
		if reply := send(h.dial(t, c.Message), c.Message, c.Octets()); reply.Code != 550 {
			t.Fatalf("%s, want 550", reply)
		}
		s := h.await(t, c.Message.Envelope.ReversePath.Address.String(), "Refused by onbehalf: ", "nothing was delivered")
		if len(s.Refusals) != 1 || s.Refusals[0].Temporary || s.Decision == nil || s.Decision.Row != "10 forbidden" {
			t.Errorf("refusals %+v, decision %+v", s.Refusals, s.Decision)
		}
	})
	t.Run("RefusedAtRCPT", func(t *testing.T) {
		h.play(find(t, "return-bounce"))
		stranger := postfix.Dial(t, h.postfix.SMTPAddr)
		stranger.XClient("ADDR=203.0.113.9")
		stranger.Do("MAIL FROM:<>")
		const to = "SRS0=aaaaaa33=D5=victim.example=x@bounces.courseware.nl"
		if reply := stranger.Do("RCPT TO:<" + to + ">"); reply.Code != 550 {
			t.Fatalf("%s, want 550", reply)
		}
		if s := h.await(t, to, "refused by onbehalf, for "+to, "nothing was delivered"); len(s.Refusals) != 1 {
			t.Errorf("refusals %+v", s.Refusals)
		}
	})
	if found := h.traced(t, "nobody-at-all@example.net"); len(found.Stories) != 0 || len(found.Notes) != 1 || !strings.HasPrefix(found.Notes[0], "No message has nobody-at-all@example.net") {
		t.Errorf("%+v", found)
	}
}

func hasAnswer(all []trace.Story, answer string) bool {
	for _, s := range all {
		if s.Answer == answer {
			return true
		}
	}
	return false
}
