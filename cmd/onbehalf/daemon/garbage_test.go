package daemon

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// TestReloadsBesideMailRaiseNoBound: what messages hold during a reload is not taken for tenants, and
// a bound that was lifted comes back.
func TestReloadsBesideMailRaiseNoBound(t *testing.T) {
	const held, most, slack = 256 << 20, 512 << 20, 32 << 20
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	runtime.GC()
	boundMemory(most)
	bound := debug.SetMemoryLimit(-1)
	mail := make([]byte, held)
	runtime.GC()
	for _, reloaded := range []bool{true, false, true} {
		unbounded(func() (int64, int64) { return held, most })(reloaded)
		if now := debug.SetMemoryLimit(-1); now < bound || now > bound+slack {
			t.Errorf("the bound was %d MB and is %d MB", bound>>20, now>>20)
		}
	}
	boundMemory(most - held) // as after a long reload
	if now := debug.SetMemoryLimit(-1); now < bound-slack || now > bound+slack {
		t.Errorf("the bound was %d MB and is %d MB after a long reload", bound>>20, now>>20)
	}
	runtime.KeepAlive(mail)
}
