// Package trace finds out what became of a message, from the log.
//
// Postfix writes several lines about each message: smtpd(8) or pickup(8) when it comes in,
// cleanup(8) with its Message-ID, qmgr(8) when it is queued and when it leaves the queue, a
// delivery agent for each recipient and each try, bounce(8) when a notification is made. All begin
// with the queue id. onbehalf writes one line in between: the decision. Search joins them into one
// Story for each message.
//
//	sources ──> lines ──> events ──> groups ──> stories
//	(source.go) (line.go) (event.go) (join.go)  (story.go, answer.go)
//
// What makes that harder than to grep for a queue id:
//
//   - Short queue ids are used again. A group ends when its message leaves the queue, and a
//     line that begins a message begins a group.
//   - A message that a filter hands back has a second queue id, and so has one that an alias
//     forwards, or that is queued again. A notification has one, too. Groups are linked where
//     a line names another id and nothing speaks against it: what a stranger's server says is no
//     proof, so that an id in its words counts only if the Message-ID is the same, or the server is
//     this host.
//   - What is returned days later has no id in common with the message. Only the line of onbehalf
//     that forwards it says to whom, and about which recipient.
//   - Lines are cut at 2,000 bytes, and hold strangers' words: nothing is found by a search for a
//     word, all is read from the left, as far as the format is known (postfix.go).
//   - Stamps of the traditional format have no year (stamp.go).
//
// Times are in one zone, that of Options.
//
// A log may be large: it is read once, as a stream, and in memory is what matches and a window of
// what may yet turn out to (join.go). Strangers choose how many notifications there are: the
// message of each is found by its recipient, among a bounded number (recipients.go). The package
// is pure: it reads what it is given, and knows no file, no clock, and no terminal. Its strings
// hold strangers' words; who prints them cleans them.
package trace
