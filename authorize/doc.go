// Package authorize finds out, by DNS alone, who has authorized us to send as them.
//
// A domain can do so in three ways. Its SPF record can name our hosts (RFC 7208):
// receivers look it up for the envelope sender. It can publish a DKIM key of ours
// (RFC 6376): receivers look it up for the signature. And it can hand us a name of
// its own for bounces, a return path, whose SPF is then ours. DMARC (RFC 9989)
// demands that one of them be for the domain in From, and says what happens to
// mail that has none.
//
// A Looker looks at one domain now, and reports a Finding for each mechanism: a
// typed reason, and words for people. Package watch looks again and again at all
// domains, without haste (max_per_second), and keeps the standings in the tenant
// table up to date; that is how mail changes its way by itself.
//
// The border that matters lies between no and no answer. A domain that says no (a
// record is gone) loses its standing, after a time of grace. A server that says
// nothing changes nothing, however long it lasts: trouble with DNS demotes nobody,
// and promotes nobody.
package authorize
