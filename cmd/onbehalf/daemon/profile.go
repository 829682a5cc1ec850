package daemon

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"

	"onbehalf/config"
	"onbehalf/keys"
	"onbehalf/store"
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

const (
	platformProfile = "." // no tenant has this id
	markProfiles    = "profiles"
)

func profileOf(t *tenant.Tenant, ring *keys.Ring) profile {
	p := profile{
		Values: map[string]string{
			"name": t.Name, "mode": string(t.Policy.Mode), "authorization": string(t.Authorization), "return_path": t.ReturnPath.String(),
			"rewrite_from": string(t.Policy.RewriteFrom), "direct.next_hop": t.Direct.NextHop.String(), "direct.tls": string(t.Direct.TLS),
		},
		Lists: map[string][]string{
			"domains": texts(t.Domains), "direct.domains": texts(t.Direct.Domains),
			"submitters.logins": t.Submitters.Logins, "submitters.networks": texts(t.Submitters.Networks),
		},
	}
	p.addKeys(t.Identities, ring)
	return p.redacted()
}

func profileOfPlatform(platform *tenant.Platform, ring *keys.Ring) profile {
	p := profile{
		Values: map[string]string{
			"platform.name": platform.Name, "platform.domain": platform.Domain.String(), "platform.bounce_domain": platform.Bounce.String(),
			"policy.mode": string(platform.Policy.Mode), "policy.rewrite_from": string(platform.Policy.RewriteFrom),
			"platform.spf_include": platform.SPFInclude.String(),
		},
		Lists: map[string][]string{"platform.domains": texts(platform.Domains), "platform.sending_ips": texts(platform.SendingIPs)},
	}
	p.addKeys(platform.Identities, ring)
	return p.redacted()
}

// redacted returns a profile without what somebody may have pasted where a name belongs.
func (p profile) redacted() profile {
	for key, value := range p.Values {
		p.Values[key] = config.Redacted(value)
	}
	for key, list := range p.Lists {
		shown := make([]string, len(list))
		for i, one := range list {
			shown[i] = config.Redacted(one)
		}
		p.Lists[key] = shown
	}
	return p
}

func (p *profile) addKeys(ids []tenant.Identity, ring *keys.Ring) {
	p.Keys = make(map[string]string, len(ids))
	for _, id := range ids {
		key, _ := ring.Key(id)
		p.Keys[id.String()+" ("+string(id.Algorithm)+")"] = key.Mark()
	}
}

func texts[T fmt.Stringer](all []T) []string {
	list := make([]string, len(all))
	for i, one := range all {
		list[i] = one.String()
	}
	return list
}

// compare records how a generation differs from the one that was there before. A store that never
// had a profile, or has lost some, takes them as they are: it is not known what changed. An error
// about one tenant does not keep the others from being compared.
func (r *recorder) compare(now *Generation, at time.Time, pause func()) error {
	lost := r.lost.Swap(false)
	if lost {
		r.profiles = nil
		r.writeMarks()
	}
	_, known, err := r.store.Get(store.BucketMarks, markProfiles)
	if err := errors.Join(err, r.readHashes()); err != nil {
		if lost {
			r.lost.Store(true) // for the next time
		}
		return err
	}
	known = known && !lost
	seen := make(map[string]bool, len(now.Tenants)+1)
	seen[platformProfile] = true
	failed := r.update(platformProfile, profileOfPlatform(now.Platform, now.ring), store.Entry{At: at}, known)
	for _, t := range now.Tenants {
		seen[t.ID] = true
		pause()
		quick := quickHash(t, now.ring)
		if before, there := r.profiles[t.ID]; there && before.quick == quick {
			continue
		}
		if err := r.update(t.ID, profileOf(t, now.ring), store.Entry{At: at, Tenant: t.ID}, known); err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		r.profiles[t.ID] = hashes{r.profiles[t.ID].stored, quick}
	}
	for id := range r.profiles {
		if !seen[id] {
			r.remove(id, at, known)
		}
	}
	r.store.Write(store.Change{Bucket: store.BucketMarks, Key: markProfiles})
	return failed
}

// readHashes reads once what the last run has left.
func (r *recorder) readHashes() error {
	if r.profiles != nil {
		return nil
	}
	profiles := make(map[string]hashes)
	err := r.store.Walk(store.BucketProfiles, store.Range{}, func(id string, text []byte) bool {
		profiles[id] = hashes{stored: hashOf(text)}
		return true
	})
	if err == nil {
		r.profiles = profiles
	}
	return err
}

// hashes are of one tenant's profile, as the store has it, and of what it was made from, which costs
// less to look at: most reloads change few of many tenants.
type hashes struct{ stored, quick uint64 }

var quickSeed = maphash.MakeSeed()

func quickHash(t *tenant.Tenant, ring *keys.Ring) uint64 {
	var h maphash.Hash
	h.SetSeed(quickSeed)
	add := func(texts ...string) {
		for _, text := range texts {
			h.WriteString(text)
			h.WriteByte(0)
		}
		h.WriteByte(1)
	}
	add(t.Name, string(t.Policy.Mode), string(t.Authorization), t.ReturnPath.String(), string(t.Policy.RewriteFrom),
		t.Direct.NextHop.String(), string(t.Direct.TLS))
	for _, p := range t.Domains {
		add(p.String())
	}
	add("direct")
	for _, d := range t.Direct.Domains {
		add(d.String())
	}
	add(t.Submitters.Logins...)
	for _, network := range t.Submitters.Networks {
		add(network.String())
	}
	for _, id := range t.Identities {
		key, _ := ring.Key(id)
		add(id.Selector, id.SDID.String(), string(id.Algorithm), key.Mark())
	}
	return h.Sum64()
}

func hashOf(text []byte) uint64 {
	h := fnv.New64a()
	h.Write(text)
	return h.Sum64()
}

// update records what a profile has changed, if anything, and keeps it.
func (r *recorder) update(id string, next profile, entry store.Entry, record bool) error {
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	hash := hashOf(text)
	before, there := r.profiles[id]
	if there && before.stored == hash {
		return nil
	}
	var last profile
	if there && record {
		if last, record, err = r.stored(id); err != nil {
			return err
		}
	}
	if record {
		r.Record(differences(entry, last, next, there)...)
	}
	r.store.Write(store.Change{Bucket: store.BucketProfiles, Key: id, Value: text})
	r.profiles[id] = hashes{stored: hash}
	return nil
}

// stored returns a profile that the store should have; false: it has none that can be read, so that
// it is not known what changed.
func (r *recorder) stored(id string) (last profile, found bool, err error) {
	text, found, err := r.store.Get(store.BucketProfiles, id)
	if err != nil {
		return last, false, fmt.Errorf("tenant %s: %w", id, err)
	}
	return last, found && json.Unmarshal(text, &last) == nil, nil
}

// writeMarks has it kept again whose first mail is recorded.
func (r *recorder) writeMarks() {
	r.mailed.Range(func(id, _ any) bool {
		r.store.Write(store.Change{Bucket: store.BucketMarks, Key: markMail + id.(string)})
		return true
	})
}

// remove forgets a tenant that is no longer configured, and records that.
func (r *recorder) remove(id string, at time.Time, record bool) {
	if record {
		r.Record(store.Entry{At: at, Kind: store.KindConfiguration, Tenant: id, Subject: "tenant", Before: "configured", After: "removed"})
	}
	r.store.Write(store.Change{Bucket: store.BucketProfiles, Key: id, Delete: true}, store.Change{Bucket: store.BucketMarks, Key: markMail + id, Delete: true})
	r.mailed.Delete(id)
	delete(r.profiles, id)
}

// differences are entries like the one given, one for each key of the configuration that changed.
func differences(like store.Entry, last, next profile, there bool) []store.Entry {
	var all []store.Entry
	add := func(kind store.Kind, subject, before, after, text string) {
		e := like
		e.Kind, e.Subject, e.Before, e.After, e.Text = kind, subject, before, after, text
		all = append(all, e)
	}
	if !there {
		add(store.KindConfiguration, "tenant", "", "configured", next.String())
	} else {
		for _, key := range slices.Sorted(maps.Keys(next.Values)) {
			if before, known := last.Values[key]; known && before != next.Values[key] { // else this version follows more than the one before
				add(store.KindConfiguration, key, before, next.Values[key], "")
			}
		}
		for _, key := range slices.Sorted(maps.Keys(next.Lists)) {
			if before, known := last.Lists[key]; known && !slices.Equal(before, next.Lists[key]) {
				add(store.KindConfiguration, key, "", "", listChange(before, next.Lists[key]))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(next.Keys)) {
		if before := last.Keys[name]; before != next.Keys[name] {
			add(store.KindKey, name, before, next.Keys[name], "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(last.Keys)) {
		if _, stays := next.Keys[name]; !stays {
			add(store.KindKey, name, last.Keys[name], "", "")
		}
	}
	return all
}

// String says in words what a new tenant is.
func (p profile) String() string {
	return fmt.Sprintf("mode %s, authorization %s, domains %s", p.Values["mode"], p.Values["authorization"], fewOf(p.Lists["domains"]))
}

// listChange says what a list has more and less than before.
func listChange(before, after []string) string {
	var words []string
	if more := without(after, before); len(more) > 0 {
		words = append(words, "added "+fewOf(more))
	}
	if less := without(before, after); len(less) > 0 {
		words = append(words, "removed "+fewOf(less))
	}
	if len(words) == 0 {
		return "in another order"
	}
	return strings.Join(words, "; ")
}

func without(all, others []string) (rest []string) {
	there := make(map[string]bool, len(others))
	for _, one := range others {
		there[one] = true
	}
	for _, one := range all {
		if !there[one] {
			rest = append(rest, one)
		}
	}
	return rest
}

// fewOf lists the first few.
func fewOf(all []string) string {
	const most = 10
	if len(all) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
	}
	return strings.Join(all, ", ")
}
