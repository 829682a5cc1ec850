package setup

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io/fs"
	"os/exec"
	"strings"

	"onbehalf/config"
	"onbehalf/disk"
)

// State is what stands where the configuration belongs.
type State int

const (
	Missing State = iota // nothing, or an empty file
	Shipped              // the example that the package brought, unchanged
	Own                  // what somebody has written; it is not overwritten
)

// Example is where the package has the example configuration. It is not in /usr/share/doc, which
// small systems do not unpack.
const Example = "/usr/share/onbehalf/onbehalf.yaml"

// Look reports what is there. The example is known by its octets: those of the file
// of examples, or those that dpkg has noted as it unpacked the package, for hosts that keep no
// documentation. An example with one letter changed is somebody's work.
func Look(path, example string) (State, error) {
	text, err := disk.Read(path, config.MaxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Missing, nil
	case err != nil:
		return Own, err
	case len(bytes.TrimSpace(text)) == 0:
		return Missing, nil
	}
	if shipped, err := disk.Read(example, config.MaxFile); err == nil && bytes.Equal(text, shipped) {
		return Shipped, nil
	}
	sum := md5.Sum(text) // dpkg's choice; there is nothing to gain by a collision
	if hex.EncodeToString(sum[:]) == unpacked(path) {
		return Shipped, nil
	}
	return Own, nil
}

// unpacked returns the MD5 of the conffile as dpkg unpacked it; empty: it is none.
func unpacked(path string) string {
	out, err := exec.Command("dpkg-query", "--show", "--showformat", "${Conffiles}\n", "onbehalf").Output()
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(out)) {
		if words := strings.Fields(line); len(words) >= 2 && words[0] == path {
			return words[1]
		}
	}
	return ""
}
