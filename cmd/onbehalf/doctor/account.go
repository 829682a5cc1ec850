package doctor

import (
	"fmt"
	"os/user"
	"slices"
	"strconv"
)

// account is a user of this host as the kernel knows it.
type account struct {
	name     string
	uid, gid uint32
	groups   []uint32 // all of them, gid too
}

func lookUp(name string) (*account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("groups of %s: %w", name, err)
	}
	a := &account{name: name}
	if a.uid, err = number(u.Uid); err != nil {
		return nil, err
	}
	if a.gid, err = number(u.Gid); err != nil {
		return nil, err
	}
	for _, id := range ids {
		gid, err := number(id)
		if err != nil {
			return nil, err
		}
		a.groups = append(a.groups, gid)
	}
	return a, nil
}

func number(id string) (uint32, error) {
	n, err := strconv.ParseUint(id, 10, 32)
	return uint32(n), err
}

func (a *account) in(gid uint32) bool { return gid == a.gid || slices.Contains(a.groups, gid) }

// String names the user and its groups.
func (a *account) String() string {
	var names []string
	for _, gid := range a.groups {
		names = append(names, GroupName(gid))
	}
	return fmt.Sprintf("user %s (in group %s)", a.name, list(names))
}

// UserName gives the name of a user or, of one without, the number.
func UserName(id uint32) string {
	text := strconv.Itoa(int(id))
	if u, err := user.LookupId(text); err == nil {
		return u.Username
	}
	return text
}

// GroupName gives the name of a group or, of one without, the number.
func GroupName(id uint32) string {
	text := strconv.Itoa(int(id))
	if g, err := user.LookupGroupId(text); err == nil {
		return g.Name
	}
	return text
}
