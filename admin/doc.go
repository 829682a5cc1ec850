// Package admin answers the people who run the daemon: how it is, what became of the last
// reload, how each tenant's mail leaves, and what is wrong.
//
// It speaks HTTP on a socket of its own, so that any program can ask, and answers
// with JSON documents:
//
//	GET /status         a Status: the daemon, its tenants by the way their mail leaves, its problems
//	GET /tenants/TENANT a Tenant, by id, domain or address: each domain, and how its mail leaves
//	GET /counters/TENANT  Counters: what became of its mail, day by day
//	GET /history        History: what happened, a page at a time; its parameters: history.go
//	GET /events         the last events (events.Page); its parameters: events.go
//	POST /events/test   Tests: what receivers of events answered to a test
//	GET /standings      Standings: what DNS says about all domains, a page at a time
//	GET /files          Files: which files of the configuration the daemon may not use
//	GET /metrics, /healthz, /readyz   for monitoring, and no documents: health.go
//	GET /dns/TENANT, /check/TENANT  what dns and check look up; without TENANT: of the platform
//	GET /observations/DOMAIN  what DNS answered last about a domain (authorize.Observation)
//
// All else is an Error with the status code that HTTP has for it. `onbehalf status`
// asks here, and package print says the same in words.
//
// There is no password. A unix socket lets in whom its mode lets in; an inet socket
// belongs on a loopback address, where every user of the host is let in. Web
// browsers of the host are another matter: a page from anywhere may send them to
// 127.0.0.1 under a name of its own (DNS rebinding) and then read the answer. So a request
// that comes over inet must name this host by an address or as localhost. Nothing here changes
// anything, and no document holds a key, a secret or an address of a message.
//
// Questions are worked out when they are asked, from one Snapshot of the tenant
// table: what this package says of a domain's mail is what rewrite.Decide would do
// with it at that instant. Of all tenants, only those are decided about again whose standings
// have changed since somebody asked last. Few may ask at a time, each for seconds at most, and
// mail never waits for them.
//
// # Files
//
//   - document.go: the documents, as JSON has them; write.go: how they are written
//   - serve.go: HTTP on a socket, and its bounds; handler.go: a question, and its answer
//   - health.go: metrics and health, here and at metrics.listen
//   - client.go: Ask, for clients
//   - survey.go: where mail of a tenant comes from; delivery.go: how it leaves
//   - history.go: what happened; events.go: what people must know
//   - counters.go: how much mail there was
//   - tenant.go: one tenant; summary.go: all of them; problem.go: the worst that is wrong
package admin
