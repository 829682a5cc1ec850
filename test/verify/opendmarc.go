package verify

import (
	_ "embed"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"onbehalf/test/peer"
)

//go:embed opendmarc.py
var opendmarc string

// Authenticated is what a receiver knows of a message before it turns to DMARC.
type Authenticated struct {
	Author string   `json:"author"` // domain in From
	At     string   `json:"at"`     // where the DMARC record stands: the author's domain, or its organization's
	Record string   `json:"record"`
	SPF    string   `json:"spf"`  // the domain that SPF passed for
	DKIM   []string `json:"dkim"` // SDIDs of the signatures that verified
}

// OpenDMARC asks OpenDMARC's library what becomes of a message: pass, reject, quarantine or none.
func OpenDMARC(t testing.TB, a Authenticated) string {
	t.Helper()
	const python, suffixes = "/usr/bin/python3", "/usr/share/publicsuffix/public_suffix_list.dat"
	found, _ := filepath.Glob("/usr/lib/*/libopendmarc.so.2")
	library := "/usr/lib/libopendmarc.so.2" // which Need misses, where there is none
	if len(found) > 0 {
		library = found[0]
	}
	peer.Need(t, python, suffixes, library)
	input, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(run(t, input, python, "-c", opendmarc, library, suffixes)))
}
