// Package demo shows what onbehalf is for, with nothing but this program: it writes a throw-away
// configuration, answers for the DNS of everyone in the play on a loopback port, runs the real
// daemon on a real socket, hands it mail as Postfix would, and asks what a receiver makes of each
// message without and with it.
//
//	demo.go        the play, scene by scene
//	scenes.go      what is played: configuration, DNS records, messages, and what must come of them
//	stage.go       the throw-away installation
//	daemon.go      the daemon, and its log
//	nameserver.go  everybody's DNS
//	print.go       the play on the terminal
package demo
