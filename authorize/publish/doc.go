// Package publish says which DNS records a tenant must publish so that the platform
// may send in its name, and which the platform must publish itself: a pure function of what DNS
// answered (authorize.Observation).
//
// Receivers believe a message that its domain answers for, and DNS is where a domain answers. Four
// kinds of records count. SPF (RFC 7208), a TXT record, names the hosts that may send. A DKIM key
// (RFC 6376), another TXT record, lets whoever holds its private half sign. The return path, a name
// that leads to us, brings bounces back to who can read them. DMARC (RFC 9989) says what to do with
// mail that passes neither.
//
// A customer's DNS administrator gets such records by mail, and copies them into a web
// form once. What goes wrong is nearly always one of these, and package publish is
// built around them:
//
//   - A second SPF record beside the first one: receivers then ignore both. So the record shown
//     here is the merged one, made of what is there now.
//   - A record with more than ten lookups, or with a fault far back, which receivers
//     reach before they reach us. So our term stands first: evaluation stops there.
//   - A key that is never changed, because that would need the customer again. So the
//     customer publishes an alias (CNAME) to a name of the platform's.
//   - A name that gets the zone's name appended twice. So names are relative to the
//     zone.
//
// No answer is not the answer no: the record that would be merged is then not shown at all.
//
// A tenant that mail is delivered to directly has a mail server to prepare as well. What that
// must allow (Allow) depends on what our own host shows of itself, and the steps on whose
// product the server is.
//
// An Advisor does the work and returns a Sheet, a value that prints for people, as a zone
// file, or as a letter to the customer.
//
//	advisor.go      what a tenant must publish; platform.go, what the platform must
//	judged.go       one domain: what is found, and the records for it
//	publish.go      Record and Sheet
//	spf.go          one SPF record: merge.go, repair.go, repairterm.go and typed.go make it of what
//	                is there, lookups.go counts
//	dkim.go path.go dmarc.go alias.go   the other records
//	allow.go        direct delivery: product.go, client.go, public.go, ownserver.go
//	notes.go provider.go                what else to say
//	print.go        the sheet for people and as a zone file: allowprint.go, text.go
//	email.go        the letter: emaildirect.go, prose.go, letter/*.tmpl
package publish
