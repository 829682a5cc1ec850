package packaging

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"onbehalf/test/peer"
)

// patience is what one command may take; the first build downloads and compiles nfpm.
const patience = 10 * time.Minute

// suites are the releases of Debian that the package is for.
var suites = []string{"bookworm", "trixie"}

// TestPackage shares one build among all, and one root of each suite: each takes a minute or two.
// The build is that of a release.
func TestPackage(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: building packages and roots takes minutes")
	}
	peer.NeedRoot(t)
	peer.Need(t, "/usr/bin/mmdebstrap", "/usr/bin/lintian", "/usr/bin/systemd-nspawn")
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("no package is built for " + runtime.GOARCH)
	}
	work := t.TempDir()
	bases := startBases(t, work)
	here, elsewhere := filepath.Join(work, "here"), filepath.Join(work, "a second folder")
	copyTree(t, here) // others may work in the tree
	command(t, "cp", "-a", here, elsewhere)
	debs := buildDebs(t, here, "bin/release", "umask 022; export LANG=C.UTF-8; make release")
	testRelease(t, filepath.Join(here, "bin/release"))
	packages := editions{old: debs[runtime.GOARCH], next: filepath.Join(work, "next.deb"), conffile: filepath.Join(work, "conffile.deb")}
	makeNext(t, packages.old, packages.next)
	makeConffile(t, packages.old, packages.conffile)
	for _, suite := range suites {
		t.Run(suite+" newcomer", func(t *testing.T) {
			t.Parallel()
			testNewcomer(t, bases[suite].boot(t, packages))
		})
		t.Run(suite+" without systemd", func(t *testing.T) {
			t.Parallel()
			testPlain(t, bases[suite].plain(t, packages))
		})
		t.Run(suite+" with systemd", func(t *testing.T) {
			t.Parallel()
			testBooted(t, bases[suite].boot(t, packages))
		})
	}
	t.Run("container", func(t *testing.T) {
		t.Parallel()
		testContainer(t, work, packages.old)
	})
	t.Run("the same bytes twice", func(t *testing.T) {
		t.Parallel()
		again := buildDebs(t, elsewhere, "bin", "umask 077; export LANG=C TZ=Asia/Tokyo; packaging/deb amd64 arm64")
		for arch := range debs {
			if sum(t, debs[arch]) != sum(t, again[arch]) {
				t.Errorf("%s: two builds of the same tree differ", arch)
			}
		}
	})
	t.Run("documents", func(t *testing.T) {
		t.Parallel()
		testDocuments(t, packages.old)
	})
	t.Run("lintian", func(t *testing.T) {
		t.Parallel()
		for _, deb := range debs {
			if out := command(t, "lintian", "--tag-display-limit", "0", deb); strings.Contains(out, "E:") || strings.Contains(out, "W:") {
				t.Errorf("%s:\n%s", filepath.Base(deb), out)
			}
		}
	})
}

// release is the version that copyTree tags.
const release = "1.0.0"

// copyTree copies what git knows of, or would if it were added, and its history. The copy is
// the commit of a release.
func copyTree(t *testing.T, folder string) {
	t.Helper()
	command(t, "bash", "-euc", `cd "$(git rev-parse --show-toplevel)"; mkdir -p "$1"
		git ls-files -z --cached --others --exclude-standard |
			while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
			tar -c --null -T - | tar -x -C "$1"
		git clone -q --bare . "$1/.git"; cd "$1"; git config core.bare false
		sed -i "s/^## Not yet released\$/## $2/" docs/relnotes.md
		git add --all; git -c user.name="A Person" -c user.email=person@courseware.example commit -q --allow-empty -m "release $2"
		git tag -f "v$2"`, "bash", folder, release)
}

// buildDebs builds both packages in a folder by a script, and returns them by architecture.
func buildDebs(t *testing.T, folder, out, script string) map[string]string {
	t.Helper()
	command(t, "bash", "-euc", `cd "$1"; `+script, "bash", folder)
	debs := make(map[string]string)
	for _, arch := range []string{"amd64", "arm64"} {
		found, err := filepath.Glob(filepath.Join(folder, out, "onbehalf_"+release+"_"+arch+".deb"))
		if err != nil || len(found) != 1 {
			t.Fatalf("packages for %s: %q, %v", arch, found, err)
		}
		debs[arch] = found[0]
	}
	return debs
}

// makeNext makes the package of a later version, which brings another default configuration.
func makeNext(t *testing.T, old, next string) {
	t.Helper()
	command(t, "sh", "-euc", `dpkg-deb -R "$1" "$2.d"; cd "$2.d"
		sed -i 's/^Version: .*/&+next/' DEBIAN/control
		echo '# shipped by the next version' >>usr/share/onbehalf/onbehalf.yaml
		dpkg-deb --root-owner-group -Znone -b . "$2"`, "sh", old, next)
}

// makeConffile makes the package of an earlier version, in which onbehalf.yaml was a conffile, and
// the units lay in /lib. testdata/conffile has what it brought otherwise than today.
func makeConffile(t *testing.T, old, conffile string) {
	t.Helper()
	was, err := filepath.Abs("testdata/conffile")
	if err != nil {
		t.Fatal(err)
	}
	command(t, "sh", "-euc", `dpkg-deb -R "$1" "$2.d"; cd "$2.d"
		sed -i 's/^Version: .*/Version: 0.9/' DEBIAN/control
		rm -r DEBIAN/preinst usr/share/onbehalf usr/bin usr/share/doc/onbehalf/examples/onbehalf.yaml
		cp "$3"/post* "$3"/prerm DEBIAN
		echo /etc/onbehalf/onbehalf.yaml >DEBIAN/conffiles
		for example in etc/onbehalf usr/share/doc/onbehalf/examples; do cp "$3/onbehalf.yaml" "$example"; done
		mkdir lib; mv usr/lib/systemd lib
		cp "$3/onbehalf.service" lib/systemd/system
		cp "$3/tmpfiles.conf" usr/lib/tmpfiles.d/onbehalf.conf
		sed -i /onbehalf-status/d usr/lib/sysusers.d/onbehalf.conf
		dpkg-deb --root-owner-group -Znone -b . "$2"`, "sh", old, conffile, was)
}

// TestShell looks at the scripts that no compiler looks at.
func TestShell(t *testing.T) {
	peer.Need(t, "/usr/bin/shellcheck")
	scripts, err := filepath.Glob("../../packaging/scripts/*")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, name := range []string{"deb", "man", "version", "example", "copyright", "relnotes", "release"} {
		scripts = append(scripts, "../../packaging/"+name)
	}
	command(t, "shellcheck", append(scripts, "testdata/library.sh", "testdata/newcomer.sh", containers+"/start", containers+"/sv/onbehalf/run", containers+"/sv/postfix/run", containers+"/sv/postfix/control/t")...)
}

func sum(t *testing.T, file string) [sha256.Size]byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data)
}

// command runs a program on this machine, and gives what it says.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := try(name, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

func try(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("took longer than %v: %w", patience, err)
	}
	return out.String(), err
}
