package access

import (
	"os/user"
	"slices"
	"strconv"
	"strings"
)

// User is a user of this host as the kernel knows it.
type User struct {
	Name   string
	UID    uint32
	GID    uint32
	Groups []uint32 // all of them, GID too
}

// Lookup finds a user by name.
func Lookup(name string) (*User, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	one := &User{Name: name, UID: number(u.Uid), GID: number(u.Gid)}
	for _, id := range ids {
		one.Groups = append(one.Groups, number(id))
	}
	return one, nil
}

// number reads an id; on this system all of them are numbers.
func number(id string) uint32 {
	n, _ := strconv.ParseUint(id, 10, 32)
	return uint32(n)
}

// String names the user and its groups.
func (u *User) String() string {
	var names []string
	for _, gid := range u.Groups {
		names = append(names, GroupName(int(gid)))
	}
	return "user " + u.Name + " (in group " + strings.Join(names, ", ") + ")"
}

func (u *User) in(gid uint32) bool { return gid == u.GID || slices.Contains(u.Groups, gid) }

// UserName returns the name of a user or, of one without, the number.
func UserName(id int) string {
	text := strconv.Itoa(id)
	if u, err := user.LookupId(text); err == nil {
		return u.Username
	}
	return text
}

// GroupName returns the name of a group or, of one without, the number.
func GroupName(id int) string {
	text := strconv.Itoa(id)
	if g, err := user.LookupGroupId(text); err == nil {
		return g.Name
	}
	return text
}
