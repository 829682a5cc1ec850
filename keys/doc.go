// Package keys holds private keys and signs mail with them (DKIM, RFC 6376).
//
// DKIM lets a domain answer for a message. The signer hashes the body and a list
// of header fields, signs the hash with a private key, and puts the result into a
// DKIM-Signature field on top. Two of its tags, the SDID (d=) and the selector
// (s=), lead the receiver to a TXT record at <selector>._domainkey.<SDID>, where
// the owner of the domain has published the public key. DMARC then asks that the
// SDID be the domain in From, or related to it. So whoever holds a private key
// whose public half stands in the DNS of a domain may speak as that domain.
//
// That makes the files worth guarding: Load refuses one that others can read, and
// no key, error or log line of this package shows what is in it. The rest of the
// program knows a key by name, as a tenant.Identity; a Ring leads from the name to
// the Key. Ring.Sign opens a Signature: header in, body written as it streams
// past, fields out.
//
// A signature lists the fields it covers (h=). What is not listed can be changed,
// and what is listed once can be added a second time, where many mail programs
// show the wrong one. Package keys therefore lists important names once more than
// they occur; see signedFields. Both canonicalizations are relaxed, so that a
// server which folds a field again or trims a line does no harm. There is no body
// length (l=), which would let anyone append to a message, and no expiry (x=).
//
// # Files
//
//   - key.go: Key; parse.go, load.go: from a file; create.go: into one; record.go: as a DNS record
//   - ring.go: Ring, which finds keys by name
//   - signature.go, signer.go, field.go: a signature; fields.go: which fields it covers
//   - relaxed.go, canonical.go: canonicalization
//   - engine.go, rsafile.go: OpenSSL or crypto/rsa; checked.go: which keys need no check
package keys
