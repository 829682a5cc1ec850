package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"onbehalf/disk"
)

// TestQuiet: files are quiet when each looks as it did a while ago, and none has come or gone.
func TestQuiet(t *testing.T) {
	begun := time.Now()
	var stamps [3]disk.Stamp
	for i := range stamps {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, make([]byte, i), 0o600); err != nil {
			t.Fatal(err)
		}
		stamps[i] = disk.StampOf(path)
	}
	one := func(i int) map[string]disk.Stamp {
		return map[string]disk.Stamp{"onbehalf.yaml": stamps[i], "tenants.d": {}}
	}
	more := one(2)
	more["tenants.d/school.yaml"] = stamps[0]
	var q quiet
	for _, step := range []struct {
		files map[string]disk.Stamp
		after time.Duration // the first
		want  bool
	}{
		{one(1), 0, false},
		{one(1), settleTime - 1, false},
		{one(1), settleTime, true},
		{one(2), settleTime + 1, false},
		{one(2), 2*settleTime - 1, false},
		{more, 2 * settleTime, false},
		{one(2), 3*settleTime - 1, false},
		{one(2), 4*settleTime - 2, false},
		{one(2), 4*settleTime - 1, true},
	} {
		if got := q.lasts(step.files, begun.Add(step.after)); got != step.want {
			t.Errorf("after %v, with %v: %v", step.after, step.files, got)
		}
	}
}
