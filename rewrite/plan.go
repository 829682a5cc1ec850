package rewrite

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"onbehalf/message"
	"onbehalf/tenant"
)

// Plan is what becomes of one message. It is data: the same value is shown by
// `onbehalf explain`, logged, applied by Apply, and carried out by the milter.
type Plan struct {
	Row    Row    `json:"row"`
	Action Action `json:"action"`
	Reason string `json:"reason"`           // of a fixed set, for people
	Detail string `json:"detail,omitempty"` // what in this message; may quote it
	Tenant string `json:"tenant,omitempty"` // id; empty: no tenant's
	Bound  string `json:"bound,omitempty"`  // id of the tenant that the submitter is bound to
	// ByNetwork: row 10 follows from the network that the message comes from, not from a login.
	ByNetwork bool `json:"by_network,omitempty"`
	// ReversePath takes the place of the envelope sender; nil: that one stays.
	ReversePath *message.Address `json:"reverse_path,omitempty"`
	Edits       []Edit           `json:"edits,omitempty"` // in the order to send
	// Sign names the keys that sign the header as the edits leave it.
	Sign []tenant.Identity `json:"sign,omitempty"`
	// Redirects are the recipients that are redirected.
	Redirects []Redirect `json:"redirects,omitempty"`
	// Standings are the domains whose DNS was relied on, as far as it is known.
	Standings []message.Domain `json:"standings,omitempty"`
	// Claimed is the author that a message of an untrusted submitter names; zero: any other message,
	// or one whose author cannot be read.
	Claimed message.Address `json:"-"`
	// Shadow: the plan is logged and not carried out.
	Shadow bool `json:"shadow,omitempty"`
}

// Row is the row of the decision table (see Decide) that made a plan: those of the
// table by its numbers, and those beside it.
type Row int

const (
	RowUntrusted  Row = 0 // above the table: not from a trusted submitter
	RowKeyPath    Row = 1
	RowKeySPF     Row = 2
	RowKey        Row = 3
	RowPath       Row = 4
	RowSPF        Row = 5
	RowOnBehalf   Row = 6
	RowPlatform   Row = 7
	RowUnknown    Row = 8
	RowUnreadable Row = 9
	RowForbidden  Row = 10
	RowDirect     Row = 11 // below it: all recipients are delivered directly
	RowReturn     Row = 12 // beside it: mail to a bounce or reply address
	RowLoop       Row = 13 // the same, which comes round again and again
	RowTooMany    Row = 14 // any: the header would take too many changes
	RowDecided    Row = 15 // above it: comes to us a second time
	RowUndecided  Row = 16 // none: the server could not look at the message

	RowCount = 17 // rows, from 0
)

var rowNames = [RowCount]string{
	RowUntrusted: "untrusted", RowKeyPath: "key-path", RowKeySPF: "key-spf", RowKey: "key", RowPath: "path", RowSPF: "spf",
	RowOnBehalf: "on-behalf", RowPlatform: "platform", RowUnknown: "unknown", RowUnreadable: "unreadable", RowForbidden: "forbidden",
	RowDirect: "direct", RowReturn: "return", RowLoop: "loop", RowTooMany: "too-many", RowDecided: "decided", RowUndecided: "undecided",
}

// String returns number and name, like "6 on-behalf"; of a row beside the table the name alone.
func (r Row) String() string {
	switch {
	case r < 0 || int(r) >= len(rowNames):
		return strconv.Itoa(int(r))
	case RowKeyPath <= r && r <= RowForbidden:
		return strconv.Itoa(int(r)) + " " + rowNames[r]
	}
	return rowNames[r]
}

// MarshalText is String.
func (r Row) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (r *Row) UnmarshalText(text []byte) error {
	for one := range Row(len(rowNames)) {
		if one.String() == string(text) {
			*r = one
			return nil
		}
	}
	return fmt.Errorf("%q is no row", text)
}

// Action is the plan in one word.
type Action string

const (
	Pass    Action = "pass"    // leave the message as it is, unsigned
	Keep    Action = "keep"    // the author stays in From; signed
	Rewrite Action = "rewrite" // From becomes the platform's; signed
	Forward Action = "forward" // leave the message as it is, and redirect it
	Refuse  Action = "refuse"  // answer with a 5xx reply
)

// Actions are all of them.
var Actions = [...]Action{Pass, Keep, Rewrite, Forward, Refuse}

// Op is what an Edit does.
type Op string

const (
	Change Op = "change" // replace the value of the Index-th field of that name
	Delete Op = "delete" // remove the Index-th field of that name
	Add    Op = "add"    // append a field below all others
)

// Edit is one change to the header. Indices count from 1 among the fields of one
// name, topmost first, as earlier edits have left them: the milter protocol's own
// way of counting.
type Edit struct {
	Op    Op     `json:"op"`
	Index int    `json:"index,omitempty"`
	Name  string `json:"name"`
	Value string `json:"value,omitempty"` // leading space and folds (CRLF) included
}

// Apply returns the header as the receiver will see it, below the signatures and
// the Received fields. The header given is left as it is.
func (p Plan) Apply(h message.Header) message.Header {
	a := editing{fields: make(message.Header, len(h), len(h)+len(p.Edits)), places: make(map[string][]int)}
	copy(a.fields, h)
	for _, e := range p.Edits {
		a.apply(e)
	}
	if a.gone == nil {
		return a.fields
	}
	after := a.fields[:0]
	for i, f := range a.fields {
		if !a.gone[i] {
			after = append(after, f)
		}
	}
	return after
}

// editing is a header while edits are applied to it. It knows where the fields of a name
// are, so that many edits of a long header cost no more than one look at it for each name.
type editing struct {
	fields message.Header
	places map[string][]int // of the fields of a name that are not gone; by the name in lower case
	gone   map[int]bool
}

func (a *editing) apply(e Edit) {
	name := strings.ToLower(e.Name)
	if _, known := a.places[name]; !known {
		a.places[name] = nil
		for i, f := range a.fields {
			if f.Is(e.Name) {
				a.places[name] = append(a.places[name], i)
			}
		}
	}
	places := a.places[name]
	switch {
	case e.Op == Add:
		a.places[name] = append(places, len(a.fields))
		a.fields = append(a.fields, message.Field{Name: e.Name, Value: e.Value})
	case e.Index < 1 || e.Index > len(places):
	case e.Op == Delete:
		if a.gone == nil {
			a.gone = make(map[int]bool)
		}
		a.gone[places[e.Index-1]] = true
		a.places[name] = slices.Delete(places, e.Index-1, e.Index)
	default:
		a.fields[places[e.Index-1]] = message.Field{Name: e.Name, Value: e.Value}
	}
}

// Sender returns the reverse-path that the message leaves with.
func (p Plan) Sender(m message.Message) message.Path {
	if p.ReversePath == nil {
		return m.Envelope.ReversePath
	}
	return message.PathOf(*p.ReversePath)
}
