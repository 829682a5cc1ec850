package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const manyTenants = 10_000

const benchMain = `
platform:
  name: Courseware
  domain: courseware.nl
  from: noreply@courseware.nl
  bounce_domain: bounces.courseware.nl
  bounces_to: postmaster@courseware.nl
  sending_ips: [80.84.235.70]
  dkim: [{selector: cw1, key: cw1.pem}]
srs: {secrets: srs.secrets}
tenants_dir: tenants.d
`

func benchTenant(i int) string {
	return strings.ReplaceAll(`  - id: org-#
    name: Organisation #
    domains: [org-#.nl, "*.org-#.nl"]
    authorization: auto
    dkim: [{selector: cw1, key: org-#-cw1.pem}, {selector: cw2, key: org-#-cw2.pem}]
    return_path: bounce.org-#.nl
    submitters: {logins: [lms-org-#], networks: []}
    rewrite_from: dmarc
    from_name: "{name} via {platform}"
    bounces_to: academy@org-#.nl
`, "#", fmt.Sprint(i))
}

// BenchmarkOneFile loads 10,000 tenants from the main file.
func BenchmarkOneFile(b *testing.B) {
	dir := b.TempDir()
	var text strings.Builder
	text.WriteString(benchMain + "tenants:\n")
	for i := range manyTenants {
		text.WriteString(benchTenant(i))
	}
	put(b, filepath.Join(dir, "onbehalf.yaml"), []byte(text.String()))
	if err := os.Mkdir(filepath.Join(dir, "tenants.d"), 0o755); err != nil {
		b.Fatal(err)
	}
	benchmarkLoad(b, dir)
}

// BenchmarkManyFiles loads 10,000 tenants from a file each.
func BenchmarkManyFiles(b *testing.B) {
	dir := b.TempDir()
	put(b, filepath.Join(dir, "onbehalf.yaml"), []byte(benchMain))
	for i := range manyTenants {
		put(b, filepath.Join(dir, "tenants.d", fmt.Sprintf("%05d.yaml", i)), []byte("tenants:\n"+benchTenant(i)))
	}
	benchmarkLoad(b, dir)
}

func benchmarkLoad(b *testing.B, dir string) {
	put(b, filepath.Join(dir, "srs.secrets"), []byte("0123456789abcdef0123456789abcdef\n"))
	b.ReportAllocs()
	for b.Loop() {
		config, findings := Load(filepath.Join(dir, "onbehalf.yaml"), nil)
		if len(findings) > 0 || len(config.Tenants) != manyTenants {
			b.Fatal(len(config.Tenants), findings)
		}
	}
}
