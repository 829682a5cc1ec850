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
const patience = 5 * time.Minute

// TestPackage shares one build and one root among all: each takes a minute or two.
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
	base := startBase(t, work)
	here, elsewhere := filepath.Join(work, "here"), filepath.Join(work, "a second folder")
	copyTree(t, here) // others may work in the tree
	command(t, "cp", "-a", here, elsewhere)
	debs := buildDebs(t, here, "umask 022; export LANG=C.UTF-8")
	old, next := debs[runtime.GOARCH], filepath.Join(work, "next.deb")
	makeNext(t, old, next)
	t.Run("without systemd", func(t *testing.T) {
		t.Parallel()
		testPlain(t, base.plain(t, old, next))
	})
	t.Run("with systemd", func(t *testing.T) {
		t.Parallel()
		testBooted(t, base.boot(t, old, next))
	})
	t.Run("the same bytes twice", func(t *testing.T) {
		t.Parallel()
		again := buildDebs(t, elsewhere, "umask 077; export LANG=C TZ=Asia/Tokyo")
		for arch := range debs {
			if sum(t, debs[arch]) != sum(t, again[arch]) {
				t.Errorf("%s: two builds of the same tree differ", arch)
			}
		}
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

// copyTree copies what git knows of, or would if it were added, and its history.
func copyTree(t *testing.T, folder string) {
	t.Helper()
	command(t, "bash", "-euc", `cd "$(git rev-parse --show-toplevel)"; mkdir -p "$1"
		git ls-files -z --cached --others --exclude-standard |
			while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
			tar -c --null -T - | tar -x -C "$1"
		cp -a .git "$1"/`, "bash", folder)
}

// buildDebs builds both packages in a folder, in an environment, and gives them by architecture.
func buildDebs(t *testing.T, folder, settings string) map[string]string {
	t.Helper()
	command(t, "bash", "-euc", `cd "$1"; `+settings+`; packaging/deb amd64 arm64`, "bash", folder)
	debs := make(map[string]string)
	for _, arch := range []string{"amd64", "arm64"} {
		found, err := filepath.Glob(filepath.Join(folder, "bin", "onbehalf_*_"+arch+".deb"))
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
		echo '# shipped by the next version' >>etc/onbehalf/onbehalf.yaml
		dpkg-deb --root-owner-group -Znone -b . "$2"`, "sh", old, next)
}

// TestShell looks at the scripts that no compiler looks at.
func TestShell(t *testing.T) {
	peer.Need(t, "/usr/bin/shellcheck")
	scripts, err := filepath.Glob("../../packaging/scripts/*")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, name := range []string{"deb", "man", "version", "example", "copyright"} {
		scripts = append(scripts, "../../packaging/"+name)
	}
	command(t, "shellcheck", append(scripts, "testdata/library.sh")...)
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
