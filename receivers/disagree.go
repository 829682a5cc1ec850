package receivers

// LookAt says what to look at when a receiver finds that mail is not authenticated, and DNS, as
// this host sees it, has all that it takes. The tenant goes by its id; empty: it is the platform's
// mail.
func LookAt(tenant string) string {
	command := "onbehalf check"
	if tenant != "" {
		command += " " + tenant
	}
	return "Look for a DKIM key that was replaced recently, because the receiver may still have the old one; for a host that forwards the mail, " +
		"because SPF fails behind it, and DKIM where it changes the message; and for name servers of the domain that do not all answer alike: " +
		command + "."
}

// AtReceiver names those who disagree, in a sentence that goes on with "disagree". An empty name is
// that of receivers that are not known.
func AtReceiver(name string) string {
	if name == "" {
		return "receivers"
	}
	return "receivers at " + name
}
