package srs

import "testing"

// TestAge: what is no stamp has no age. An address with one cannot be made, but the age must not
// hang on that.
func TestAge(t *testing.T) {
	c := Codec{day: 5*stampCycle + 33} // BB
	for tt, want := range map[string]int{"BB": 0, "bb": 0, "BA": 1, "AA": 33, "BC": stampCycle - 1, "77": 34} {
		if days, ok := c.age(tt); !ok || days != want {
			t.Errorf("%s is %d days old, %v; want %d", tt, days, ok, want)
		}
	}
	for _, tt := range []string{"", "B", "BBB", "1B", "B1", "=B", "B8", "ÄB"} {
		if days, ok := c.age(tt); ok {
			t.Errorf("%q is %d days old", tt, days)
		}
	}
}
