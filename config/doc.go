// Package config reads what the administrator has written and returns one checked
// Config, and the list of all that is wrong with it.
//
// The configuration is YAML: a main file, and beside it a folder with files that
// contain tenants only. Variables of the environment win over the main file, and
// defaults lose to both; viper lays these three over each other. Start, reload
// and check-config all call Load, so that what one of them accepts, all do.
//
// YAML libraries accept what an administrator must hear about. A misspelled key is
// an unnoticed default; "selector: 2024_01" is the number 202401; an empty file is
// a valid configuration without tenants, and a reload that took it would drop every
// tenant. A mail server must not find that out by sending mail. So a file passes
// three checks, and what one of them finds does not hide what the next one finds:
//
//   - file.go: is it a whole file, and one YAML document?
//   - schema.go: are all keys known, each there once, each of the right type?
//   - the rest: do the values mean something, alone and beside one another?
//
// Each mistake is a Finding that says where it is, what is wrong and what to do.
//
// # Files
//
//   - config.go: Config, and Load, which returns it; load.go: the order of a load
//   - file.go, tenantsdir.go: the files; document.go: one of them, as YAML and findings have it
//   - raw.go: every key and every default; schema.go, typeerror.go: what the YAML must look like
//   - environ.go: variables of the environment
//   - platform.go, tenant.go, policy.go, dkim.go, direct.go, secret.go: the sections
//   - names.go, network.go, socket.go, duration.go, size.go, template.go: kinds of values
//   - ownership.go, provider.go, host.go: what must not be another's, a provider's or this host's
//   - finding.go: what is wrong; quote.go: which values it may show
//   - identify.go: which keys the platform and each tenant have, once the keys were read
package config
