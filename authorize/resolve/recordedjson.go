package resolve

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// replyJSON is a Reply as JSON has it.
type replyJSON struct {
	Name     string       `json:"name"`
	Type     string       `json:"type"`
	At       time.Time    `json:"at,omitzero"`
	Code     string       `json:"code,omitempty"`     // of the response: NOERROR, NXDOMAIN
	Extended []string     `json:"extended,omitempty"` // extended DNS errors (RFC 8914)
	Aliases  []string     `json:"aliases,omitempty"`  // CNAMEs on the way
	Records  []recordJSON `json:"records,omitempty"`  // at the end of them
	NoName   bool         `json:"no_name,omitempty"`
	Error    string       `json:"error,omitempty"` // why there is no answer
	Kind     string       `json:"kind,omitempty"`  // of the error: a key of kinds; empty: no server answered
}

// recordJSON is one record. Its owner is the last alias, or the name asked for.
type recordJSON struct {
	TTL  uint32   `json:"ttl"`            // seconds
	Data string   `json:"data,omitempty"` // as in a master file (RFC 1035 section 5.1); of a TXT record,
	Text []string `json:"text,omitempty"` // its strings, with the escapes of a master file
}

// kinds are the causes of an Error that are distinguished.
var kinds = map[string]error{"too-large": ErrTooLarge, "no-turn": ErrNoTurn, "not-asked": ErrNotAsked, "too-much-elsewhere": errElsewhere}

// MarshalJSON writes a list of replies.
func (r Recorded) MarshalJSON() ([]byte, error) {
	all := make([]replyJSON, 0, len(r.replies))
	for _, reply := range r.replies {
		all = append(all, reply.toJSON())
	}
	return json.Marshal(all)
}

func (r Reply) toJSON() replyJSON {
	a := r.Answer
	j := replyJSON{Name: r.Name, Type: typeName(r.Type), At: a.At, Code: a.Code, Extended: a.Extended, Aliases: a.Chain[min(1, len(a.Chain)):], NoName: a.NoName}
	for _, rr := range a.Records {
		j.Records = append(j.Records, toJSON(rr))
	}
	if failed := new(Error); errors.As(r.Err, &failed) {
		j.Error = failed.Cause.Error()
		for kind, cause := range kinds {
			if errors.Is(failed, cause) {
				j.Kind = kind
			}
		}
	}
	return j
}

func toJSON(rr dns.RR) recordJSON {
	j := recordJSON{TTL: rr.Header().Ttl}
	if txt, ok := rr.(*dns.TXT); ok {
		j.Text = append([]string{}, txt.Txt...)
		return j
	}
	j.Data = strings.TrimPrefix(rr.String(), rr.Header().String())
	return j
}

// UnmarshalJSON reads what MarshalJSON wrote. The error names the first reply that cannot be
// one.
func (r *Recorded) UnmarshalJSON(text []byte) error {
	var all []replyJSON
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	*r = Recorded{}
	for _, one := range all {
		reply, err := one.reply()
		if err != nil {
			return fmt.Errorf("answer to %q %q: %w", one.Name, one.Type, err)
		}
		r.put(reply)
	}
	return nil
}

func (j replyJSON) reply() (Reply, error) {
	qtype, known := dns.StringToType[j.Type]
	if !known {
		return Reply{}, errors.New("no type of DNS")
	}
	q := questionOf(j.Name, qtype)
	a := Answer{Chain: append([]string{q.name}, j.Aliases...), NoName: j.NoName, Code: j.Code, Extended: j.Extended, At: j.At}
	for _, one := range j.Records {
		rr, err := one.record(a.Target()+".", qtype)
		if err != nil {
			return Reply{}, err
		}
		a.Records = append(a.Records, rr)
	}
	reply := Reply{Name: q.name, Type: qtype, Answer: a}
	if j.Error != "" {
		_, reply.Err = q.unanswered(recordedCause{j.Error, kinds[j.Kind]})
	}
	return reply, nil
}

func (j recordJSON) record(owner string, qtype uint16) (dns.RR, error) {
	header := dns.RR_Header{Name: owner, Rrtype: qtype, Class: dns.ClassINET, Ttl: j.TTL}
	if qtype == dns.TypeTXT {
		return &dns.TXT{Hdr: header, Txt: j.Text}, nil
	}
	if strings.ContainsAny(j.Data, "\n()") { // of more than one line, or more than one record
		return nil, errors.New("a record in lines")
	}
	rr, err := dns.NewRR(header.String() + j.Data)
	switch {
	case err != nil:
		return nil, err
	case rr == nil:
		return nil, errors.New("a record without data")
	}
	return compact(rr, owner), nil
}

// recordedCause is the Cause of an Error that was read back.
type recordedCause struct {
	text string
	kind error // one of kinds, or nil
}

func (c recordedCause) Error() string { return c.text }
func (c recordedCause) Unwrap() error { return c.kind }
