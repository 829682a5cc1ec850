// Package tenant knows the customers of the platform: what they are called, which
// domains are theirs, who may send as them, and whether their DNS has authorized
// us. It holds them in memory and answers from one instant at a time.
//
// A tenant is a customer on whose behalf the platform sends. Its Standing is what
// the tenant's DNS says about us: SPF names our hosts, DKIM publishes a key of
// ours, a return path is delegated. Tenants come from configuration and change
// with a reload; standings come from DNS and change while we run. Both lie in one
// go-memdb database, so that a Snapshot sees them at the same instant: a message
// is decided by one Snapshot, whatever changes while it is under way.
//
// # Files
//
//   - tenant.go: Tenant, Pattern, Identity; policy.go: Platform, Policy, Submitters, SRS, Secret
//   - standing.go: Standing, and the state of each mechanism
//   - table.go: Table; claim.go: which names are whose; schema.go: how both lie in go-memdb
//   - snapshot.go: what a message asks a Table; find.go: a tenant by what people call it
//   - direct.go: direct delivery; selector.go: selectors of DKIM
//   - sample.go: a message as a tenant would send it
package tenant
