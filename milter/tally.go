package milter

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"onbehalf/keys"
	"onbehalf/receivers"
	"onbehalf/rewrite"
	"onbehalf/srs"
	"onbehalf/tenant"
)

// Tally counts what became of messages, since the start, by lists that are closed: no message and
// no number of tenants makes it grow. The zero value is ready. It may be used by many goroutines,
// none of which waits.
type Tally struct {
	messages   [rewrite.RowCount][len(rewrite.Actions)][len(Results)]atomic.Int64
	refusals   [len(Refusals)]atomic.Int64
	deferrals  [len(Deferrals)]atomic.Int64
	recipients [len(RecipientRefusals)]atomic.Int64
	signatures [len(SignatureKinds)][2]atomic.Int64 // failed, and made
	bounces    [len(receivers.Classes)]atomic.Int64
	tenants    atomic.Pointer[map[string]*tenantTally] // those that somebody wants counted

	Messages Histogram // from MAIL to our last answer
	Signing  Histogram // of the signatures of a message, without the hash of its body
}

// tenantTally counts the messages of one tenant.
type tenantTally [len(rewrite.Actions)][len(Results)]atomic.Int64

// Results are what may become of a message.
var Results = [...]string{string(done), string(passed), string(refused), string(deferred)}

// Refusals are why a message is refused, in a word: most by the row of its plan.
var Refusals = [...]string{"forbidden", "unknown", "unreadable", "too-many", "too-large", "unsignable", "return", "loop", "other"}

// Deferrals are why a message is deferred.
var Deferrals = [...]string{"memory", "signing", "connection", "configuration"}

// RecipientRefusals are why a recipient of ours is refused.
var RecipientRefusals = [...]string{"forged", "expired", "gone", "spelling", "classic", "guessing", "network", "letters", "other"}

// SignatureKind is a way to make a signature.
type SignatureKind struct {
	Algorithm tenant.Algorithm
	Engine    string
}

// SignatureKinds are all of them.
var SignatureKinds = [...]SignatureKind{{tenant.RSA, keys.EngineOpenSSL}, {tenant.RSA, keys.EngineGo}, {tenant.Ed25519, keys.EngineGo}}

// Follow has the messages of some tenants counted, by their ids. What was counted of those that
// were followed before stays.
func (y *Tally) Follow(ids []string) {
	before, next := y.tenants.Load(), make(map[string]*tenantTally, len(ids))
	for _, id := range ids {
		next[id] = new(tenantTally)
		if before != nil && (*before)[id] != nil {
			next[id] = (*before)[id]
		}
	}
	y.tenants.Store(&next)
}

// place returns the index of a value in a closed list, or the last one.
func place[T comparable](list []T, value T) int {
	if i := slices.Index(list, value); i >= 0 {
		return i
	}
	return len(list) - 1
}

// count counts a message that has its answer. One that never had a plan is undecided.
func (y *Tally) count(t *transaction) {
	row, action := t.plan.Row, place(rewrite.Actions[:], t.plan.Action)
	if t.plan.Action == "" || row < 0 || row >= rewrite.RowCount {
		row = rewrite.RowUndecided
	}
	result := place(Results[:], string(t.result))
	y.messages[row][action][result].Add(1)
	switch t.result {
	case refused:
		y.refusals[place(Refusals[:], t.whyRefused())].Add(1)
	case deferred:
		y.deferrals[place(Deferrals[:], t.whyDeferred())].Add(1)
	}
	if tenants := y.tenants.Load(); tenants != nil {
		if one := (*tenants)[t.owner().Tenant]; one != nil {
			one[action][result].Add(1)
		}
	}
	y.Messages.Add(time.Since(t.started))
}

// unready counts a message for which there is nothing to decide by.
func (y *Tally) unready() {
	y.messages[rewrite.RowUndecided][place(rewrite.Actions[:], rewrite.Refuse)][place(Results[:], string(deferred))].Add(1)
	y.deferrals[place(Deferrals[:], "configuration")].Add(1)
}

func (t *transaction) whyRefused() string {
	switch {
	case t.tooLarge != nil:
		return "too-large"
	case t.problem != nil:
		return "unsignable"
	}
	switch t.plan.Row {
	case rewrite.RowForbidden:
		return "forbidden"
	case rewrite.RowUnknown:
		return "unknown"
	case rewrite.RowUnreadable:
		return "unreadable"
	case rewrite.RowTooMany:
		return "too-many"
	case rewrite.RowReturn:
		return "return"
	case rewrite.RowLoop:
		return "loop"
	}
	return "other"
}

func (t *transaction) whyDeferred() string {
	switch {
	case t.unreached:
		return "connection"
	case t.short:
		return "memory"
	}
	return "signing"
}

// recipient counts a recipient that is refused.
func (y *Tally) recipient(why error) {
	i := len(RecipientRefusals) - 1
	for j, known := range [...]error{srs.ErrForged, srs.ErrExpired, rewrite.ErrGone, rewrite.ErrSpelling, rewrite.ErrClassic, errGuessing, errRefused, errLetters} {
		if errors.Is(why, known) {
			i = j
			break
		}
	}
	y.recipients[i].Add(1)
}

// signed counts the signatures of a message, and how long they took.
func (y *Tally) signed(ring *keys.Ring, ids []tenant.Identity, took time.Duration, err error) {
	for _, id := range ids {
		kind := SignatureKind{id.Algorithm, keys.EngineGo}
		if key, found := ring.Key(id); found {
			kind = SignatureKind{key.Algorithm(), key.Engine()}
		}
		made := 1
		if err != nil {
			made = 0
		}
		y.signatures[place(SignatureKinds[:], kind)][made].Add(1)
	}
	y.Signing.Add(took)
}

// bounced counts the deliveries that failed, by what the receivers said.
func (y *Tally) bounced(failures []Failure) {
	for _, one := range failures {
		if !one.Delayed {
			y.bounces[place(receivers.Classes[:], one.Meaning.Class)].Add(1)
		}
	}
}

// EachMessage calls yield with the number of messages of each row, action and result, in order.
func (y *Tally) EachMessage(yield func(row rewrite.Row, action rewrite.Action, result string, n int64)) {
	for row := range y.messages {
		for a, action := range rewrite.Actions {
			for r, result := range Results {
				yield(rewrite.Row(row), action, result, y.messages[row][a][r].Load())
			}
		}
	}
}

// EachTenant calls yield with the number of messages of each tenant that is followed, by action and
// result, in no order.
func (y *Tally) EachTenant(yield func(id string, action rewrite.Action, result string, n int64)) {
	tenants := y.tenants.Load()
	if tenants == nil {
		return
	}
	for id, one := range *tenants {
		for a, action := range rewrite.Actions {
			for r, result := range Results {
				yield(id, action, result, one[a][r].Load())
			}
		}
	}
}

// EachSignature calls yield with the number of signatures that were made, and that failed.
func (y *Tally) EachSignature(yield func(kind SignatureKind, made, failed int64)) {
	for i, kind := range SignatureKinds {
		yield(kind, y.signatures[i][1].Load(), y.signatures[i][0].Load())
	}
}

// EachRefusal calls yield with the number of messages that were refused, by reason.
func (y *Tally) EachRefusal(yield func(reason string, n int64)) {
	each(Refusals[:], y.refusals[:], yield)
}

// EachDeferral calls yield with the number of messages that were deferred, by reason.
func (y *Tally) EachDeferral(yield func(reason string, n int64)) {
	each(Deferrals[:], y.deferrals[:], yield)
}

// EachRecipient calls yield with the number of recipients that were refused, by reason.
func (y *Tally) EachRecipient(yield func(reason string, n int64)) {
	each(RecipientRefusals[:], y.recipients[:], yield)
}

// EachBounce calls yield with the number of failed deliveries that bounces reported, by class.
func (y *Tally) EachBounce(yield func(class receivers.Class, n int64)) {
	each(receivers.Classes[:], y.bounces[:], yield)
}

func each[T any](list []T, counts []atomic.Int64, yield func(T, int64)) {
	for i, value := range list {
		yield(value, counts[i].Load())
	}
}
