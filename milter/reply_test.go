package milter

import (
	"strings"
	"testing"

	"onbehalf/rewrite"
)

// TestReplyByNetwork: who is bound by a network has no login to change.
func TestReplyByNetwork(t *testing.T) {
	for byNetwork, want := range map[bool]string{true: "from a host that belongs", false: "use the login that belongs"} {
		reply := Reply(rewrite.Plan{Row: rewrite.RowForbidden, Detail: "x", ByNetwork: byNetwork})
		if !strings.HasPrefix(reply, "550 5.7.1 x; ") || !strings.Contains(reply, want) {
			t.Errorf("%v: %s", byNetwork, reply)
		}
	}
}
