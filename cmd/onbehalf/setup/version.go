package setup

import (
	"strconv"
	"strings"
)

// Older reports whether a version of Postfix, like 3.7.11, is older than a release, like 3.10.
// What does not look like a version is not older.
func Older(version, release string) bool {
	v, r := strings.Split(version, "."), strings.Split(release, ".")
	for i := range r {
		if i >= len(v) {
			return false
		}
		a, err := strconv.Atoi(v[i])
		b, _ := strconv.Atoi(r[i])
		if err != nil || a != b {
			return err == nil && a < b
		}
	}
	return false
}

// reports is the first release of Postfix that knows the attributes of a TLS policy that TLS
// reports need (RFC 8460). Older ones defer mail over them.
const reports = "3.10"

// ReportsTLS reports whether this Postfix knows those attributes.
func (p Postfix) ReportsTLS() bool {
	version := p.expanded["mail_version"]
	return version != "" && !Older(version, reports)
}
