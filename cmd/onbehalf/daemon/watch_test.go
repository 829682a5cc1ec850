package daemon

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"onbehalf/authorize"
)

// TestRecall: a damaged file is set aside. One that cannot be read may be as good as
// ever: it is left where it is, and not saved over.
func TestRecall(t *testing.T) {
	var said strings.Builder
	log := slog.New(slog.NewTextHandler(&said, nil))
	store := authorize.StoreIn(t.TempDir())
	if known, err := recall(store, log); len(known) != 0 || err != nil || said.Len() != 0 {
		t.Errorf("of a first start: %v, %v, %s", known, err, &said)
	}
	if err := os.WriteFile(store.Path, []byte("{\"format\":"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := recall(store, log); err != nil || !strings.Contains(said.String(), "level=WARN") {
		t.Errorf("of a torn file: %v, %s", err, &said)
	}
	if _, err := os.Stat(store.Path + ".damaged"); err != nil {
		t.Error(err)
	}
	said.Reset()
	if err := os.Mkdir(store.Path, 0o700); err != nil { // reading a folder fails whoever we are
		t.Fatal(err)
	}
	if _, err := recall(store, log); err == nil || !strings.Contains(said.String(), "level=ERROR") || !strings.Contains(said.String(), "remedy=") {
		t.Errorf("of what cannot be read: %v, %s", err, &said)
	} else if want := store.Path + ": is a directory; move it away, then run: systemctl restart onbehalf"; !strings.HasSuffix(err.Error(), want) {
		t.Errorf("of what cannot be read: %v, want %s", err, want)
	}
	if _, err := os.Stat(store.Path); err != nil {
		t.Errorf("it is not where it was: %v", err)
	}
}
