package srs

import "strings"

// Postfix takes a percent sign, an exclamation mark or a second at sign in a local part,
// quoted or not, for the start of a route, and refuses to relay such mail before it asks
// anybody (allow_untrusted_routing). So they are written as # and two hexadecimal digits
// in the addresses that we make, and # itself then, too. The purpose that the MAC covers
// says whether an address is written so.

var (
	escaper   = strings.NewReplacer("#", "#23", "%", "#25", "!", "#21", "@", "#40")
	unescaper = strings.NewReplacer("#23", "#", "#25", "%", "#21", "!", "#40", "@")
)

// escaped is the purpose of an address whose local part is written with escapes.
func escaped(purpose string) string { return purpose + " escaped" }

// escape returns how a local part is written, and the purpose that goes with it.
func escape(purpose, local string) (string, string) {
	if !strings.ContainsAny(local, "%!@") {
		return purpose, local
	}
	return escaped(purpose), escaper.Replace(local)
}
