// Package daemon is the daemon: `onbehalf serve`, running. Load is also the way by which all other
// commands read the configuration, so that they see what the daemon would.
//
// A start (Run) loads, opens the log, then the sockets: when another daemon has them, it ends there
// and has touched nothing. It takes over the standings of the last run, has DNS watched, answers
// Postfix, and says READY to systemd.
//
// A start that fails while systemd holds the sockets is tried again, and meanwhile all mail is
// deferred, with the reason in the log and in onbehalf status.
//
// A reload (SIGHUP) loads another Generation beside the one in use. When anything is wrong with it,
// all stays as it was. Else the watcher adopts it, with the standings, and one pointer is swapped:
// messages under way keep the generation that was current at their MAIL.
//
// An end (SIGTERM, SIGINT) lets a reload that is taking effect finish, and no other takes effect.
// Messages that have come to the end of their header finish, 30 s at most. All others are cut, and
// Postfix answers 451 for them. Then the admin and socketmap sockets close, standings are saved, and
// the log is written out. Whatever goes on, the process ends after 34 s.
//
//	run.go         Run: start, wait, stop
//	user.go        root goes on as the daemon's user; folders.go: makes what is missing first
//	defer.go       defers mail while the configuration cannot be used
//	settle.go      files that somebody is still saving or copying
//	generation.go  Generation: the configuration, and what was made of it
//	load.go        Load: from files to a Generation, or to all that is wrong with them
//	keyfiles.go    reads private keys, each file once
//	findings.go    what is wrong with a configuration only as a whole
//	reload.go      another Generation, or all as it was; what needs a restart
//	notices.go     who must know: events, and where they go
//	moves.go       what a change of DNS or of the configuration means for a tenant's mail
//	limits.go      limits that are nearly reached, and state that is not saved
//	breather.go    a reload leaves the processor to mail
//	ending.go      signals that end, and how long that may take
//	sockets.go     systemd's sockets or our own, and who answers on them
//	socketmap.go   answers Postfix's tables
//	watch.go       has DNS watched; standings and the clock of the last run
//	recorder.go    keeps what happened
//	compare.go     what a generation has changed; differences.go: in words
//	profile.go     what is followed of a tenant, and how the store has it
//	servers.go     whose DNS is asked, also when the system names others
//	engine.go      what RSA signatures are made with
//	prover.go      proves OpenSSL with new keys, beside mail
//	garbage.go     how much memory may wait to be collected
//	log.go         makes the log, and logs findings
//	journal.go     lines as systemd's journal wants them
//	logwriter.go   a log that never waits for its reader
//	history.go     what is remembered of the start and of reloads
//	status.go      answers at the admin socket
package daemon
