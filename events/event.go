package events

import (
	"crypto/rand"
	"encoding/json"
	"net/netip"
	"time"
	"unicode/utf8"
)

// Event is one thing that happened. Its JSON is what receivers get, the same at each try.
type Event struct {
	ID       string    `json:"id"` // by which a receiver knows one that it has had already
	Type     Type      `json:"type"`
	At       time.Time `json:"timestamp"`
	Severity Severity  `json:"severity"`
	Data     Data      `json:"data"`
}

// Severity is how urgent an event is.
type Severity string

// The severities.
const (
	Info    Severity = "info"    // good to know
	Warning Severity = "warning" // somebody should look at it today
	Error   Severity = "error"   // something is broken, or is lost while nobody acts
)

// Data is what an event says. Which fields a type has is in Types; all others are empty.
type Data struct {
	Tenant    string       `json:"tenant,omitempty"` // id
	Domain    string       `json:"domain,omitempty"`
	Mechanism string       `json:"mechanism,omitempty"` // spf, dkim SELECTOR, return_path or dmarc
	Before    string       `json:"before,omitempty"`    // row of the decision table, or state
	After     string       `json:"after,omitempty"`
	Due       time.Time    `json:"due,omitzero"`
	Receiver  string       `json:"receiver,omitempty"` // such as Gmail
	Of        string       `json:"of,omitempty"`       // id of the tenant in whose name somebody tried to send
	Client    string       `json:"client,omitempty"`   // IP address
	Login     string       `json:"login,omitempty"`
	Network   netip.Prefix `json:"network,omitzero"`
	Path      string       `json:"path,omitempty"` // of a file
	Limit     string       `json:"limit,omitempty"`
	Used      int64        `json:"used,omitempty"`
	Most      int64        `json:"most,omitempty"`
	Since     time.Time    `json:"since,omitzero"`
	Reason    string       `json:"reason,omitempty"` // why, for people
	Fix       string       `json:"fix,omitempty"`    // what to do next
}

// maxText is how much of each text an event keeps, in bytes: strangers write some of them.
const maxText = 1000

// made returns an event with an id, its texts cut to size.
func made(t Type, severity Severity, at time.Time, data Data) Event {
	for _, text := range []*string{&data.Domain, &data.Mechanism, &data.Receiver, &data.Client, &data.Login, &data.Path, &data.Reason, &data.Fix} {
		*text = cut(*text, maxText)
	}
	return Event{ID: "evt_" + rand.Text(), Type: t, At: at.UTC().Round(0), Severity: severity, Data: data}
}

// cut returns the beginning of a text, whole characters of it.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	end := most
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}

// body returns the event as receivers get it.
func (e Event) body() ([]byte, error) { return json.Marshal(e) }
