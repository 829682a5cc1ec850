package test

import (
	"bytes"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"onbehalf/test/postfix"
)

// arrivals is what has come to the next hop.
type arrivals struct {
	record string // TXT of the one key
	load   *load

	mu                         sync.Mutex
	times                      map[string]int // by id
	unsigned, altered, unasked []string
	others                     int               // what Postfix wrote itself
	samples                    map[string][]byte // the last one of each kind that is signed
}

// collect takes what arrives until ended.
func (a *arrivals) collect(sink *postfix.Sink, ended <-chan struct{}) {
	for {
		for _, d := range sink.Arrived() {
			a.take(d)
		}
		select {
		case <-ended:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// take looks at one message: whether it is one of ours, signed as it must be, and as it must
// leave.
func (a *arrivals) take(d postfix.Delivery) {
	m, err := mail.ReadMessage(bytes.NewReader(d.Data))
	if err != nil {
		m = new(mail.Message) // of no kind
	}
	a.load.learn(m, d)
	a.mu.Lock()
	defer a.mu.Unlock()
	id := m.Header.Get("X-Soak")
	name, _, _ := strings.Cut(id, "-")
	at := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	switch {
	case id == "" && d.ReversePath == "":
		a.others++
		return
	case at < 0:
		a.unasked = append(a.unasked, id)
		return
	}
	a.times[id]++
	k := kinds[at]
	if !a.signed(k, d.Data) {
		a.unsigned = append(a.unsigned, id)
	}
	if wrong := k.misses(m, d); wrong != "" {
		a.altered = append(a.altered, id+": "+wrong)
	}
}

// signed reports whether a message has the signatures that it must have, and no others.
func (a *arrivals) signed(k kind, octets []byte) bool {
	found, err := dkim.VerifyWithOptions(bytes.NewReader(octets), &dkim.VerifyOptions{
		LookupTXT: func(string) ([]string, error) { return []string{a.record}, nil },
	})
	if err != nil || len(found) != len(k.sdids) {
		return false
	}
	for i, sdid := range k.sdids {
		if found[i].Err != nil || found[i].Domain != sdid {
			return false
		}
	}
	if len(found) == 0 {
		return true
	}
	if a.samples == nil {
		a.samples = make(map[string][]byte)
	}
	a.samples[k.name] = octets
	return true
}

// misses says what is not as it must be when a message leaves; empty: all is.
func (k kind) misses(m *mail.Message, d postfix.Delivery) string {
	from, to := m.Header.Get("From"), strings.Join(d.ForwardPaths, " ")
	home := k.home
	if home == "" {
		home = student(nil)
	}
	var body bytes.Buffer
	body.ReadFrom(m.Body)
	switch {
	case to != home:
		return "arrived at " + to
	case bytes.Count(body.Bytes(), []byte("\n")) != k.body:
		return fmt.Sprintf("a body of %d bytes", body.Len())
	case k.name == "rewritten":
		if !strings.HasPrefix(from, `"Board via Courseware" <reply=`) || !strings.HasSuffix(d.ReversePath, "@bounces.courseware.nl") {
			return "From " + from + ", sender " + d.ReversePath
		}
	case from != k.from:
		return "From " + from
	}
	return ""
}

// missing lists what was accepted and has not arrived.
func (a *arrivals) missing() []string {
	a.load.mu.Lock()
	defer a.load.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.missingLocked()
}

func (a *arrivals) missingLocked() (all []string) {
	for id := range a.load.sent {
		if a.times[id] == 0 {
			all = append(all, id)
		}
	}
	return all
}

// twice lists what has arrived more often than once. No reply is lost on the way to the sender
// here, so that there is no excuse.
func (a *arrivals) twice() (all []string) {
	for id, n := range a.times {
		if n > 1 {
			all = append(all, id)
		}
	}
	return all
}
