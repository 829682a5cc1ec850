package daemon

import (
	"testing"
	"time"
)

// TestQuiet: files are quiet when each looks as it did a while ago, and none has come or gone.
func TestQuiet(t *testing.T) {
	begun := time.Now()
	one := func(size int64) map[string]stamp {
		return map[string]stamp{"onbehalf.yaml": {size: size}, "tenants.d": {}}
	}
	more := one(2)
	more["tenants.d/school.yaml"] = stamp{size: 1}
	var q quiet
	for _, step := range []struct {
		files map[string]stamp
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
