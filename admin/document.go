package admin

import (
	"time"

	"onbehalf/events"
	"onbehalf/message"
	"onbehalf/receivers"
	"onbehalf/tenant"
)

// Status is the document at /status.
type Status struct {
	Daemon
	Tenants       Tenants   `json:"tenants"`
	Problems      []Problem `json:"problems"` // the worst first, at most 100
	ProblemsTotal int       `json:"problems_total"`
	WaitingTotal  int       `json:"waiting_total"` // of these: only the tenant can do something
	// ProblemsBy counts all of them.
	ProblemsBy map[ProblemKind]int `json:"problems_by_kind"`
}

// Daemon is what the daemon says about itself.
type Daemon struct {
	Version       string          `json:"version"`
	PID           int             `json:"pid"`
	Started       time.Time       `json:"started"`
	Now           time.Time       `json:"now"` // its clock, when it was asked
	Listen        []string        `json:"listen"`
	Socketmap     string          `json:"socketmap,omitempty"` // where Postfix's tables are answered; empty: nowhere
	Sockets       []Socket        `json:"sockets"`
	Connections   Connections     `json:"connections"`
	Configuration Configuration   `json:"configuration"`
	Reload        *Reload         `json:"reload,omitempty"` // the last one; absent: none since the start
	Messages      Messages        `json:"messages"`
	Untrusted     Untrusted       `json:"untrusted"`
	Signing       Signing         `json:"signing"`
	Log           Log             `json:"log"`
	Store         Store           `json:"store"`
	Limits        []Limit         `json:"limits"`
	Events        []events.Status `json:"events"` // how deliveries go, one for each receiver
	DNS           DNS             `json:"dns"`
	Changes       []Change        `json:"recent_changes"` // of standings, newest first
}

// Socket is one that the daemon answers on.
type Socket struct {
	Name     string    `json:"name"`              // milter, socketmap, admin or metrics
	Address  string    `json:"address"`           // unix:PATH or inet:HOST:PORT
	Problem  string    `json:"problem,omitempty"` // why nobody can reach it; empty: everybody can who may
	Since    time.Time `json:"since,omitzero"`    // when the problem was noticed
	Reopened time.Time `json:"reopened,omitzero"` // when it was last created again, because its file was gone
}

// Connections are Postfix's to the milter.
type Connections struct {
	Limit     int   `json:"limit"` // limits.connections
	Open      int   `json:"open"`
	InMessage int   `json:"in_message"`     // of these
	Displaced int64 `json:"idle_displaced"` // since the start: closed between two messages, to make room for others
	Refused   int64 `json:"refused"`        // since the start: closed at once, because all others were within a message
}

// Configuration is the one that mail is decided by.
type Configuration struct {
	File          string    `json:"file"`
	Loaded        time.Time `json:"loaded"`
	Summary       string    `json:"summary"`  // as check-config has it
	Findings      []Finding `json:"findings"` // that did not stop it; at most 100
	FindingsTotal int       `json:"findings_total"`
	// NeedRestart are keys that have another value than at the start, which only a restart takes.
	NeedRestart []string `json:"need_restart,omitempty"`
}

// Reload is what became of one.
type Reload struct {
	At            time.Time `json:"at"`
	OK            bool      `json:"ok"` // not: the old configuration stays
	Result        string    `json:"result"`
	Findings      []Finding `json:"findings"` // at most 100
	FindingsTotal int       `json:"findings_total"`
	Milliseconds  int64     `json:"duration_ms"`
}

// Finding is one thing that is wrong with the configuration.
type Finding struct {
	Level  string `json:"level"`            // error, fault (one tenant's key is left out) or warning
	Tenant string `json:"tenant,omitempty"` // id, when it is about one
	Text   string `json:"text"`
}

// Messages counts since the start.
type Messages struct {
	Kept       int64 `json:"kept"` // signed; From and all else stayed
	Rewritten  int64 `json:"rewritten"`
	Passed     int64 `json:"passed"`    // untouched
	Forwarded  int64 `json:"forwarded"` // bounces and replies, brought to the mailbox behind their address
	Refused    int64 `json:"refused"`
	Deferred   int64 `json:"deferred"`
	Fragile    int64 `json:"fragile"`            // of those signed: later hosts may break the signature
	Recipients int64 `json:"recipients_refused"` // at RCPT
}

// Signing is what works out RSA signatures.
type Signing struct {
	Asked     string `json:"asked"`             // signing.engine of the configuration
	Engine    string `json:"engine"`            // openssl or go
	Version   string `json:"version,omitempty"` // of OpenSSL
	Problem   string `json:"problem,omitempty"` // why OpenSSL is not used, or what it failed at last
	Fallbacks int64  `json:"fallbacks"`         // how often OpenSSL failed and Go signed instead
	// Unproved is how many RSA keys Go signs with until it is known that OpenSSL makes the same of
	// them.
	Unproved int `json:"unproved"`
	// Failed is why a message that the platform's keys signed within the last minute does not
	// verify; empty: it does.
	Failed string `json:"failed,omitempty"`
}

// Store is how saving goes, since the start.
type Store struct {
	Saved   int64 `json:"saved"`   // batches of changes
	Failed  int64 `json:"failed"`  // tries to save one
	Waiting int   `json:"waiting"` // changes that are not saved yet
	Dropped int64 `json:"dropped"` // changes that are lost, because too many waited
}

// Log is what of the log was lost, since the start.
type Log struct {
	Dropped int64     `json:"dropped"` // lines
	Last    time.Time `json:"last,omitzero"`
	Problem string    `json:"problem,omitempty"` // why the last one was dropped
}

// DNS is how the watch over the tenants' DNS goes.
type DNS struct {
	Domains         int       `json:"domains"`                   // watched
	NotLookedUp     int       `json:"not_looked_up"`             // of these: DNS has said nothing definitive yet
	Oldest          time.Time `json:"oldest,omitzero"`           // of the last answers, one for each domain
	LookingUp       int       `json:"looking_up"`                // lookups under way
	Due             int       `json:"due"`                       // domains whose next lookup should have begun
	DueSince        time.Time `json:"due_since,omitzero"`        // when the first of them was due
	Unanswered      int       `json:"unanswered"`                // lookups in a row without any answer
	UnansweredSince time.Time `json:"unanswered_since,omitzero"` // the first of them
	PausedUntil     time.Time `json:"paused_until,omitzero"`     // the round has stopped: then DNS is asked again
	// Denied had records a while ago. DNS says that it has none, and shows none of other domains that
	// had some. Nothing of that is believed. Absent: DNS denies nothing, or only what may well be gone.
	Denied     message.Domain `json:"denied,omitzero"`
	NextLookup time.Time      `json:"next_lookup,omitzero"`  // of any domain; absent: none is to come
	NoServer   string         `json:"no_server,omitempty"`   // why there is no DNS server to ask; empty: there is one
	Unsaved    string         `json:"unsaved,omitempty"`     // why standings are not saved; empty: they are
	UnsavedFix string         `json:"unsaved_fix,omitempty"` // what to do about that
	Error      string         `json:"error,omitempty"`       // why this is not all
}

// Untrusted are the messages of clients that are not trusted whose author or envelope sender is a
// tenant's or the platform's, since the start. They left as they came.
type Untrusted struct {
	Messages int64     `json:"messages"`
	Last     time.Time `json:"last,omitzero"` // of the last of them, like all below
	Client   string    `json:"client,omitempty"`
	From     string    `json:"from,omitempty"`   // address or, where the log has no addresses, domain
	Tenant   string    `json:"tenant,omitempty"` // id; empty: the platform
}

// Change is a mechanism of a domain that has come into another state.
type Change struct {
	At        time.Time `json:"at"`
	Tenant    string    `json:"tenant,omitempty"` // id; empty: the platform
	Domain    string    `json:"domain"`
	Mechanism string    `json:"mechanism"`        // spf, dkim SELECTOR, return_path, dmarc, direct
	Before    string    `json:"before,omitempty"` // states, DMARC policies, or proven and unproven; empty: not known
	After     string    `json:"after,omitempty"`
	Evidence  string    `json:"evidence,omitempty"`
}

// Tenants counts the tenants by the way in which their mail leaves: a tenant with
// several domains by the worst of them.
type Tenants struct {
	Total int              `json:"total"`
	By    map[Delivery]int `json:"by_delivery"`
	// Mixed tenants have a domain whose mail leaves in a better way than that.
	Mixed       int `json:"mixed"`
	NotLookedUp int `json:"not_looked_up"` // of all: of a domain, DNS has said nothing yet
	Shadow      int `json:"shadow"`        // of all: plans are logged and not carried out
}

// Problem is a mechanism that should be better than it is.
type Problem struct {
	Tenant    string             `json:"tenant,omitempty"` // id; empty: the platform
	Domain    message.Domain     `json:"domain"`
	Mechanism string             `json:"mechanism"`
	State     tenant.State       `json:"state,omitempty"` // of dmarc: the policy; empty: not known
	Since     time.Time          `json:"since,omitzero"`
	Evidence  string             `json:"evidence,omitempty"`
	Trouble   tenant.LookupError `json:"trouble,omitzero"` // DNS does not answer
	// Waiting: nothing is wrong here, and mail is safe; the tenant has not published it yet.
	Waiting bool `json:"waiting,omitempty"`
}

// Tenant is the document at /tenants/ID.
type Tenant struct {
	ID            string               `json:"id"`
	Name          string               `json:"name,omitempty"`
	Authorization tenant.Authorization `json:"authorization"`
	Shadow        bool                 `json:"shadow,omitempty"`
	Domains       []Domain             `json:"domains"` // at most 1000
	DomainsTotal  int                  `json:"domains_total"`
	Direct        *Direct              `json:"direct,omitempty"` // absent: nothing is delivered directly
	Findings      []Finding            `json:"findings"`         // what is wrong with its configuration; at most 100
	FindingsTotal int                  `json:"findings_total"`
	Counters      Counters             `json:"counters"`
	Returned      Returned             `json:"returned"`
	Now           time.Time            `json:"now"`
}

// Direct is where mail for some of the tenant's domains is delivered directly.
type Direct struct {
	NextHop  tenant.NextHop        `json:"next_hop"`
	TLS      tenant.TLS            `json:"tls"`
	Envelope tenant.DirectEnvelope `json:"envelope"`
	Proven   []message.Domain      `json:"proven,omitempty"` // their mail goes there
	Unproven []message.Domain      `json:"unproven,omitempty"`
}

// Returned counts the mail that came back for a tenant, since the start.
type Returned struct {
	Messages  int64            `json:"messages"`          // bounces and replies
	Automatic int64            `json:"automatic"`         // of these, vacation replies and similar
	Reports   map[string]int64 `json:"reports,omitempty"` // of delivery status notifications, by action
	// Refusals are what receivers have against the tenant's mail, the latest first.
	Refusals []Refusal `json:"refusals,omitempty"`
}

// Refusal is one thing that receivers said.
type Refusal struct {
	Receiver string          `json:"receiver,omitempty"` // such as Gmail; empty: not known
	Class    receivers.Class `json:"class"`              // auth or policy
	Finding  string          `json:"finding"`            // a sentence
	Fix      string          `json:"fix,omitempty"`      // the next step
	Times    int64           `json:"times"`
	Last     time.Time       `json:"last"`
}

// Domain is one domain of a tenant, and what becomes of mail from it now.
type Domain struct {
	Domain   string          `json:"domain"` // as configured; or one below a wildcard that mail came from
	Row      string          `json:"row"`    // of the decision table, for a message from Author
	Delivery Delivery        `json:"delivery"`
	Meaning  string          `json:"meaning"`
	Author   message.Address `json:"author"`
	Sender   message.Address `json:"sender,omitzero"`        // of the envelope, unless
	BounceAt message.Domain  `json:"bounce_domain,omitzero"` // it is a bounce address there
	Sign     []string        `json:"sign,omitempty"`         // names of the keys
	Standing tenant.Standing `json:"standing"`               // a wildcard's: of the domain above, where its keys are
	// NextLookup is when that domain is looked up next. Absent: it is not.
	NextLookup time.Time `json:"next_lookup,omitzero"`
	Guessed    bool      `json:"guessed,omitempty"` // a wildcard; Author is of a name below it that might come
}

// Lookups is the answer to POST /tenants/ID/lookups: the daemon looks up these domains next.
type Lookups struct {
	At      time.Time        `json:"at"` // its clock; a lookup that ends after it is one of these
	Domains []message.Domain `json:"domains"`
}

// Files is the document at /files: which of the files that the configuration on disk names the
// daemon's user may not use as the daemon does.
type Files struct {
	File   string   `json:"file"` // main file of the configuration
	User   string   `json:"user"` // that the daemon runs as
	Denied []Denied `json:"denied"`
}

// Denied is one of them.
type Denied struct {
	Path  string `json:"path"`
	Error string `json:"error"` // what the system says
}

// Unready is a daemon that has no configuration to decide mail by, so that it defers all.
type Unready struct {
	Version       string    `json:"version"`
	PID           int       `json:"pid"`
	Started       time.Time `json:"started"`
	File          string    `json:"file"`             // main file of the configuration
	Tried         time.Time `json:"tried"`            // when it was last tried to use it
	Reason        string    `json:"reason,omitempty"` // why the daemon cannot work by it; empty: the findings are
	Findings      []Finding `json:"findings"`         // at most 100
	FindingsTotal int       `json:"findings_total"`
	Deferred      int64     `json:"deferred"` // messages, since the start
}

// Error is the document of an answer that is none.
type Error struct {
	Text    string   `json:"error"`
	Unready *Unready `json:"unready,omitempty"` // why nothing can be answered
}
