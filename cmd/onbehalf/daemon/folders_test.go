package daemon

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"onbehalf/cmd/onbehalf/access"
	"onbehalf/config"
	"onbehalf/test/peer"
)

// TestFoldersAreThoseOfThePackage: what serve makes without systemd is what tmpfiles.d makes for
// the package's configuration.
func TestFoldersAreThoseOfThePackage(t *testing.T) {
	text, err := os.ReadFile("../../../packaging/tmpfiles.conf")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			want = append(want, strings.TrimSpace(line))
		}
	}
	example, err := exec.Command("../../../packaging/example").Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "onbehalf.yaml")
	if err := os.WriteFile(path, example, 0o600); err != nil {
		t.Fatal(err)
	}
	conf, _ := config.Load(path, nil)
	for _, f := range foldersOf(conf) {
		group := f.group
		if group == "" {
			group = "onbehalf"
		}
		got = append(got, fmt.Sprintf("d %s %04s onbehalf %s -", f.path, f.octal(), group))
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("folders are\n%s\nand tmpfiles.conf has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestFolderThatIsThere: it stays as it is, and so does a link; nothing in between is left when a
// folder cannot be made.
func TestFolderThatIsThere(t *testing.T) {
	peer.NeedRoot(t)
	who := &access.User{Name: "nobody", UID: 65534, GID: 65534}
	above := t.TempDir()
	there, link, file := filepath.Join(above, "there"), filepath.Join(above, "link"), filepath.Join(above, "file")
	for _, err := range []error{os.Mkdir(there, 0o711), os.Symlink(there, link), os.WriteFile(file, nil, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	log := slog.New(slog.DiscardHandler)
	if err := makeFolders([]folder{{there, 0o750, ""}, {link, 0o750, ""}, {file, 0o750, ""}}, who, log); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(there)
	if err != nil || info.Mode().Perm() != 0o711 || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("%v, %v", info, err)
	}
	err = makeFolders([]folder{{filepath.Join(file, "below"), 0o750, ""}}, who, log)
	if err != nil {
		t.Errorf("below a file: %v", err) // the daemon says what is wrong
	}
	dangling := filepath.Join(above, "dangling")
	if err := os.Symlink(filepath.Join(above, "nowhere"), dangling); err != nil {
		t.Fatal(err)
	}
	if err := makeFolders([]folder{{dangling, 0o750, ""}}, who, log); err == nil || !strings.Contains(err.Error(), "cannot make the folder "+dangling+" for user nobody") {
		t.Errorf("at a link that leads nowhere: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(above, "nowhere")); err == nil {
		t.Error("root follows a link")
	}
}

// TestFolderOfAMissingGroup: it is the user's own group's, and the log says so.
func TestFolderOfAMissingGroup(t *testing.T) {
	peer.NeedRoot(t)
	var said strings.Builder
	path := filepath.Join(t.TempDir(), "a", "b")
	err := makeFolders([]folder{{path, 0o750 | fs.ModeSetgid, "no-such-group"}}, &access.User{Name: "nobody", UID: 65534, GID: 65534}, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil || !strings.Contains(said.String(), "wanted=no-such-group group=nogroup") {
		t.Errorf("%v; %s", err, &said)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o750|fs.ModeSetgid|fs.ModeDir || info.Sys().(*syscall.Stat_t).Gid != 65534 {
		t.Errorf("%v, %v", info, err)
	}
}
