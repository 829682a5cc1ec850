package milter

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"onbehalf/message"
	"onbehalf/milter/mta"
)

// TestNothingToDecideBy: without a Source each message is deferred, at the first command at which
// Postfix can be answered so, and counted once; with one, the same connection goes on.
func TestNothingToDecideBy(t *testing.T) {
	var ready atomic.Bool
	h := open(t, func(h *harness) {
		current := h.Current
		h.Current = func() Source {
			if ready.Load() {
				return current()
			}
			return nil
		}
	})
	for name, local := range map[string]bool{"over SMTP": false, "local": true} {
		mail := mta.Mail{
			Client: netip.MustParseAddr("127.0.0.1"), Local: local, Host: "mail.courseware.nl", QueueID: "4X1",
			Sender: "noreply@courseware.nl", Recipients: []string{"student@receiver.example", "other@receiver.example"},
			Header: message.Header{{Name: "From", Value: " noreply@courseware.nl"}}, Body: []byte("Hello.\r\n"),
		}
		ready.Store(false)
		client, err := mta.Dial(h.network, h.address)
		must(t, err)
		defer client.Close()
		must(t, client.Connect(mail))
		for range 2 {
			before := h.Counts.Deferred.Load()
			result, err := client.Send(mail)
			must(t, err)
			replies := []string{result.Reply}
			if !local {
				replies = nil
				for _, reply := range result.Refused {
					replies = append(replies, reply)
				}
				if len(replies) != 2 {
					t.Errorf("%s: refused are %v", name, result.Refused)
				}
			} else if len(result.Refused) > 0 {
				t.Errorf("%s: a recipient is refused: Postfix would keep the message for ever: %v", name, result.Refused)
			}
			for _, reply := range replies {
				if !strings.HasPrefix(reply, "451 4.7.1 this mail host waits for its configuration") {
					t.Errorf("%s: answered %q", name, reply)
				}
			}
			if n := h.Counts.Deferred.Load() - before; n != 1 {
				t.Errorf("%s: counted %d times", name, n)
			}
		}
		ready.Store(true)
		result, err := client.Send(mail)
		must(t, err)
		if _, signed := result.Header.Get("DKIM-Signature"); !signed || result.Reply != "" || len(result.Refused) > 0 {
			t.Errorf("%s: when there is one: %+v", name, result)
		}
	}
}
