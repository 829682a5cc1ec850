package packaging

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testRelease looks at what make release has made of a tag.
func testRelease(t *testing.T, folder string) {
	t.Helper()
	command(t, "sh", "-euc", `cd "$1"; sha256sum --quiet --check SHA256SUMS
		[ "$(ls | xargs)" = "RELEASE.md SHA256SUMS onbehalf_$2_amd64.deb onbehalf_$2_arm64.deb" ]
		[ "$(wc -l <SHA256SUMS)" = 3 ]
		! grep -q '^## ' RELEASE.md; grep -q 'The first version' RELEASE.md
		[ "$(dpkg-deb -f "onbehalf_$2_amd64.deb" Version Maintainer | xargs)" = "Version: $2 Maintainer: A Person <person@courseware.example>" ]`,
		"sh", folder, release)
	out, err := try("sh", "-euc", `cd "$1/../.."; echo >>README.md; make release`, "sh", folder)
	if err == nil || !strings.Contains(out, "the tree has changes") {
		t.Errorf("a release of a tree with changes: %v\n%s", err, out)
	}
	out, err = try("sh", "-euc", `cd "$1/../.."; git checkout -q README.md; git tag -d "v$2"; make release`, "sh", folder, release)
	if err == nil || !strings.Contains(out, "no tag is checked out") {
		t.Errorf("a release without a tag: %v\n%s", err, out)
	}
}

var link = regexp.MustCompile(`\]\(([^)]+)\)`)

// testDocuments looks at what a reader finds on the disk.
func testDocuments(t *testing.T, deb string) {
	folder := t.TempDir()
	command(t, "dpkg-deb", "-x", deb, folder)
	doc := filepath.Join(folder, "usr/share/doc/onbehalf")
	links := 0
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		files, err := filepath.Glob(filepath.Join(doc, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %q, %v", pattern, files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range link.FindAllStringSubmatch(string(text), -1) {
				target, _, _ := strings.Cut(match[1], "#")
				if target == "" || strings.Contains(target, "://") {
					continue
				}
				links++
				if _, err := os.Stat(filepath.Join(filepath.Dir(file), target)); err != nil {
					t.Errorf("%s: a dead link: %v", filepath.Base(file), err)
				}
			}
		}
	}
	if links == 0 {
		t.Error("the documents have no links at all")
	}
	command(t, "sh", "-euc", `cd "$1"
		test -f usr/share/doc/onbehalf/examples/onbehalf.yaml
		test ! -e lib
		[ "$(readlink -f usr/bin/onbehalf)" = "$PWD/usr/sbin/onbehalf" ]
		zcat usr/share/doc/onbehalf/changelog.gz >changelog
		grep -q '^onbehalf ('"$2"') ' changelog; grep -q '^  \* .*DKIM' changelog
		grep -q '^ -- A Person <person@courseware.example>  ' changelog
		! grep -q '](\|`+"`"+`' changelog
		if dpkg-deb -I "$3" conffiles; then exit 1; fi`, "sh", folder, release, deb)
}
