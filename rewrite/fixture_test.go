package rewrite_test

import (
	"strings"
	"time"

	"onbehalf/message"
)

const day = 24 * time.Hour

var home = must(message.ParseDomain("bounces.courseware.nl"))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// withoutMAC puts * for the check code of a local part.
func withoutMAC(local string) string {
	parts := strings.SplitN(local, "=", 3)
	if len(parts) == 3 && parts[0] == "SRS1" && strings.HasSuffix(parts[1], "D5") {
		parts[1] = strings.TrimSuffix(parts[1], "D5")
	}
	if len(parts) < 3 || len(parts[1]) != 8 || strings.Trim(parts[1], "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return local
	}
	return parts[0] + "=*=" + parts[2]
}
