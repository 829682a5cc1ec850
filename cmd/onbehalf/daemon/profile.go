package daemon

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"onbehalf/config"
	"onbehalf/keys"
	"onbehalf/tenant"
)

// profile is what history follows of a tenant's configuration. It has no secrets: of a key, its name
// and a fingerprint of what DNS publishes. The store keeps the last one, so that what was
// changed while the daemon was down is seen at its start.
type profile struct {
	Values map[string]string   `json:"values"` // by key of the configuration
	Lists  map[string][]string `json:"lists"`
	Keys   map[string]string   `json:"keys"` // fingerprints, by name
}

// followed are the values that a profile has, and usual is what most tenants have there. A profile in
// the store has their numbers, and says how many there were when it was written: others come at the
// end, and none goes or gets another usual value.
var followed = []struct {
	key, usual string
	of         func(*tenant.Tenant) string
}{
	{"name", "", func(t *tenant.Tenant) string { return t.Name }},
	{"mode", "enforce", func(t *tenant.Tenant) string { return string(t.Policy.Mode) }},
	{"authorization", "auto", func(t *tenant.Tenant) string { return string(t.Authorization) }},
	{"return_path", "", func(t *tenant.Tenant) string { return t.ReturnPath.String() }},
	{"rewrite_from", "always", func(t *tenant.Tenant) string { return string(t.Policy.RewriteFrom) }},
	{"direct.next_hop", "", func(t *tenant.Tenant) string { return t.Direct.NextHop.String() }},
	{"direct.tls", "may", func(t *tenant.Tenant) string { return string(t.Direct.TLS) }},
}

// followedLists are likewise; usual is none.
var followedLists = []struct {
	key string
	of  func(*tenant.Tenant) []string
}{
	{"domains", func(t *tenant.Tenant) []string { return texts(t.Domains) }},
	{"direct.domains", func(t *tenant.Tenant) []string { return texts(t.Direct.Domains) }},
	{"submitters.logins", func(t *tenant.Tenant) []string { return t.Submitters.Logins }},
	{"submitters.networks", func(t *tenant.Tenant) []string { return texts(t.Submitters.Networks) }},
}

func texts[T fmt.Stringer](all []T) []string {
	list := make([]string, len(all))
	for i, one := range all {
		list[i] = one.String()
	}
	return list
}

// A profile of a tenant, as the store has it, begins with three octets: its format, and how many values
// and lists are followed. After them comes what is not as usual, each behind an octet that says what it
// is. A text stands behind its length.
const (
	profileFormat = 1 // earlier versions kept JSON, which begins otherwise
	headSize      = 3

	listMark = 0x40 // and the number of a list; then its texts, and endMark in place of a length
	keyMark  = 0x80 // then name and fingerprint
	endMark  = 0
)

// appendProfile appends the profile of a tenant, without what somebody may have pasted where a name
// belongs.
func appendProfile(b []byte, t *tenant.Tenant, ring *keys.Ring) []byte {
	b = append(b, profileFormat, byte(len(followed)), byte(len(followedLists)))
	for i := range followed {
		if value := followed[i].of(t); value != followed[i].usual {
			b = appendText(append(b, byte(i)), config.Redacted(value))
		}
	}
	for i := range followedLists {
		list := followedLists[i].of(t)
		if len(list) == 0 {
			continue
		}
		b = append(b, listMark|byte(i))
		for _, one := range list {
			b = appendText(b, config.Redacted(one))
		}
		b = append(b, endMark)
	}
	for _, key := range fingerprints(t.Identities, ring) {
		b = appendText(appendText(append(b, keyMark), key.name), key.mark)
	}
	return b
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))+1), text...) // no length is endMark
}

// fingerprint is one of a key's.
type fingerprint struct{ name, mark string }

// fingerprints are ordered by name: which key stands first means nothing.
func fingerprints(ids []tenant.Identity, ring *keys.Ring) (all []fingerprint) {
	for _, id := range ids {
		key, _ := ring.Key(id)
		all = append(all, fingerprint{id.String() + " (" + string(id.Algorithm) + ")", key.Mark()})
	}
	slices.SortFunc(all, func(a, b fingerprint) int { return strings.Compare(a.name, b.name) })
	return all
}

// parseProfile reads what appendProfile, platformProfile or an earlier version has written; false: it
// is of none of them.
func parseProfile(text []byte) (p profile, ok bool) {
	if len(text) < headSize || text[0] != profileFormat {
		return p, json.Unmarshal(text, &p) == nil
	}
	values, lists := text[1], text[2]
	if int(values) > len(followed) || int(lists) > len(followedLists) {
		return p, false // of a later version
	}
	p = profile{Values: make(map[string]string), Lists: make(map[string][]string), Keys: make(map[string]string)}
	for _, value := range followed[:values] {
		p.Values[value.key] = value.usual
	}
	for _, list := range followedLists[:lists] {
		p.Lists[list.key] = nil
	}
	r := profileReader{rest: text[headSize:]}
	for len(r.rest) > 0 && !r.failed {
		switch mark := r.octet(); {
		case mark < values:
			p.Values[followed[mark].key] = r.text()
		case mark >= listMark && mark-listMark < lists:
			p.Lists[followedLists[mark-listMark].key] = r.texts()
		case mark == keyMark:
			name := r.text()
			p.Keys[name] = r.text()
		default:
			return p, false
		}
	}
	return p, !r.failed
}

// profileReader takes a profile apart.
type profileReader struct {
	rest   []byte
	failed bool // it has ended too early
}

func (r *profileReader) octet() byte {
	mark := r.rest[0]
	r.rest = r.rest[1:]
	return mark
}

func (r *profileReader) text() string {
	length, size := binary.Uvarint(r.rest)
	if r.failed = r.failed || size <= 0 || length == endMark || length-1 > uint64(len(r.rest)-size); r.failed {
		return ""
	}
	end := size + int(length-1)
	text := string(r.rest[size:end])
	r.rest = r.rest[end:]
	return text
}

func (r *profileReader) texts() (all []string) {
	for len(r.rest) > 0 && r.rest[0] != endMark && !r.failed {
		all = append(all, r.text())
	}
	if r.failed = r.failed || len(r.rest) == 0; !r.failed {
		r.octet()
	}
	return all
}

// platformProfile returns the profile of the platform, as the store has it.
func platformProfile(platform *tenant.Platform, ring *keys.Ring) ([]byte, error) {
	p := profile{
		Values: map[string]string{
			"platform.name": platform.Name, "platform.domain": platform.Domain.String(), "platform.bounce_domain": platform.Bounce.String(),
			"policy.mode": string(platform.Policy.Mode), "policy.rewrite_from": string(platform.Policy.RewriteFrom),
			"platform.spf_include": platform.SPFInclude.String(),
		},
		Lists: map[string][]string{"platform.domains": texts(platform.Domains), "platform.sending_ips": texts(platform.SendingIPs)},
		Keys:  make(map[string]string),
	}
	for key, value := range p.Values {
		p.Values[key] = config.Redacted(value)
	}
	for _, list := range p.Lists {
		for i, one := range list {
			list[i] = config.Redacted(one)
		}
	}
	for _, key := range fingerprints(platform.Identities, ring) {
		p.Keys[key.name] = key.mark
	}
	return json.Marshal(p)
}
