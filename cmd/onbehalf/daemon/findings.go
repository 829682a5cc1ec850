package daemon

import (
	"fmt"
	"io"

	"onbehalf/authorize"
	"onbehalf/config"
	"onbehalf/tenant"
	"onbehalf/term"
)

// PrintFindings prints each finding as a line with its level.
func PrintFindings(w io.Writer, findings config.Findings) {
	for _, f := range findings {
		fmt.Fprintln(w, Priority(w, levelOf(f))+term.CleanLines(fmt.Sprintf("%s: %s", f.Level, f)))
	}
}

// ed25519Alone warns of who signs with Ed25519 alone: large receivers verify RSA only
// (RFC 8463 asks signers for both), and would see no signature.
func ed25519Alone(conf *config.Config) config.Findings {
	var findings config.Findings
	seen := make(map[*tenant.Tenant]bool)
	for _, file := range conf.Keys {
		seen[file.Tenant] = seen[file.Tenant] || len(file.Refused) > 0 // it may be RSA, and has a finding of its own
	}
	for _, file := range conf.Keys {
		ids := conf.Platform.Identities
		if file.Tenant != nil {
			ids = file.Tenant.Identities
		}
		if !seen[file.Tenant] && len(ids) > 0 && ids[0].Algorithm == tenant.Ed25519 { // RSA comes first
			findings = append(findings, file.Finding(config.Warning,
				"is an Ed25519 key without an RSA key beside it: many receivers verify RSA only", "add an RSA key"))
		}
		seen[file.Tenant] = true
	}
	return findings
}

// pathConflicts warns of tenants that share a domain (one has the name, the other all below it)
// and have a return path there each: a standing has room for one.
func pathConflicts(tenants []*tenant.Tenant) config.Findings {
	var findings config.Findings
	for _, c := range authorize.PathConflicts(tenants) {
		findings = append(findings, config.Finding{
			Level: config.Warning, Item: "tenant " + c.B.ID, Key: "return_path",
			Cause:  fmt.Sprintf("%s, and %s of tenant %s, are both for %s, and neither is relied on", c.B.ReturnPath, c.A.ReturnPath, c.A.ID, c.Domain),
			Remedy: "give both tenants one return path, or take one out",
		})
	}
	return findings
}

// directUnserved warns of direct domains while there is no socket at which Postfix could ask for the
// next hop. Direct is how many tenants have such domains.
func directUnserved(path string, socketmap config.Socket, direct int) config.Findings {
	if direct == 0 || !socketmap.IsZero() {
		return nil
	}
	return config.Findings{{
		Level: config.Warning, File: path, Key: "socketmap",
		Cause:  fmt.Sprintf("is empty, so Postfix cannot ask where mail for direct domains goes, and delivers it by MX (tenants with direct: %d)", direct),
		Remedy: "write socketmap: " + config.DefaultSocketmap.String() + " and restart",
	}}
}
