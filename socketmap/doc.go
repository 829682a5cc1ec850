// Package socketmap answers Postfix's table lookups, from the same snapshot that the milter
// decides messages by. With it Postfix delivers mail for a tenant's own domain straight to the
// tenant's server, and refuses forged bounces by itself.
//
// Postfix asks over a unix socket (socketmap_table(5)): a netstring "MAP KEY" goes there,
// a netstring "OK VALUE" or "NOTFOUND " comes back, as often as it likes on one connection.
//
//	transport    transport_maps: recipient -> smtp:[host]:port, where DNS proves that the domain
//	             is the tenant's
//	tls_policy   smtp_tls_policy_maps: next hop -> the level of TLS that its tenant wants
//	tls_policy_tlsrpt  the same, with the attributes that Postfix 3.10 reports by (RFC 8460);
//	             older ones defer mail over them
//	recipients   relay_recipient_maps: the bounce, reply and role addresses that the milter takes
//
// What goes wrong here stops mail that has nothing to do with it: Postfix asks for every
// address that it handles, and defers a message when a table fails. So there is no answer but
// these two. Whatever is not known, not read or not possible is "NOTFOUND ", and mail takes
// the ordinary route. A lookup is no delivery (Postfix asks for senders, too, and for "*" to see
// whether a table has a default): nothing is counted or logged for it.
//
//	answer.go     a request's answer, pure
//	ask.go        a request, for clients
//	netstring.go  how both travel
//	server.go     connections and their bounds
package socketmap
