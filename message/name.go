package message

import (
	"errors"
	"fmt"
	"strings"
)

// ParseName reads a name in DNS at which records stand, such as "_spf.example.org": a Domain,
// each label of which may begin with one underscore, which keeps such names apart from those of
// machines (RFC 8552). What follows an underscore is ASCII.
func ParseName(s string) (Domain, error) {
	if s == "" {
		return Domain{}, errors.New("name is empty")
	}
	for label := range strings.SplitSeq(s, ".") {
		bare, marked := strings.CutPrefix(label, "_")
		if strings.Contains(bare, "_") || marked && !plainLDH(strings.ToLower(bare)) {
			return Domain{}, notName(s)
		}
	}
	d, err := ParseHost(s)
	if err != nil && strings.Contains(s, "_") {
		return Domain{}, notName(s)
	}
	return d, err
}

func notName(s string) error { return fmt.Errorf("%q is not a name in DNS", clip(s)) }
