package config

import (
	"errors"

	"onbehalf/message"
)

// sampleOf gives a value that a placeholder of platform.from may have, to try a
// template out with.
func sampleOf(placeholder string) string {
	switch placeholder {
	case "local":
		return "academy"
	case "domain":
		return "example.org"
	case "tenant":
		return "example"
	}
	return "SRS0=abcdefgh=AA=example.org=academy"
}

// checkLocal tells whether text can be a local part without quotes (RFC 5321
// section 4.1.2), which some receivers do not understand.
func checkLocal(local string) error {
	switch {
	case len(local) > 64:
		return errors.New("its local part is longer than 64 octets; shorten it")
	case message.QuoteLocal(local) != local:
		return errors.New("its local part needs quotes; use letters, digits, dots and hyphens")
	}
	for _, r := range local {
		if r >= 0x80 {
			return errors.New("its local part is not ASCII, and not every receiver takes that; use letters, digits, dots and hyphens")
		}
	}
	return nil
}
