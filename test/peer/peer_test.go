package peer

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAtEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "made at the end")
	t.Run("a test", func(t *testing.T) {
		AtEnd(t, "touch", file)
		if _, err := os.Stat(file); err == nil {
			t.Error("the command ran before the end")
		}
	})
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}
