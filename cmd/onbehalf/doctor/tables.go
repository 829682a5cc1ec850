package doctor

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"onbehalf/cmd/onbehalf/access"
	"onbehalf/config"
	"onbehalf/milter/mta"
	"onbehalf/postfix"
	"onbehalf/socketmap"
)

// tables looks at the socket where Postfix's tables are answered, and asks there as each of
// Postfix's services does. Where no mail is delivered directly, and Postfix names no table of
// ours, there is nothing to look at.
func (d *doctor) tables() {
	w, _ := d.wanted()
	readers := d.Postfix.Readers(w)
	if len(w.Direct) == 0 && len(readers) == 0 {
		return
	}
	if w.Socketmap == "" {
		d.tablesOff(readers)
		return
	}
	if answers := d.answersTables(w); len(readers) > 0 {
		d.askAsPostfix(w, readers, answers)
	}
}

// tablesOff is for a configuration without a socketmap. That no mail is delivered directly then is
// said with the configuration.
func (d *doctor) tablesOff(readers []postfix.Reader) {
	for _, setting := range postfix.Settings(readers) {
		d.add(Finding{Level: Error, What: setting + " asks onbehalf, and socketmap is empty in the configuration",
			Why: "nothing answers, and Postfix defers the mail that it has to look up there",
			Fix: "write socketmap: unix:" + filepath.Join(d.Postfix.Queue(), "onbehalf", "socketmap.sock") + " and restart onbehalf, or take the table out of " + setting})
	}
}

// answersTables asks as whoever we are. It reports whether the socket is one of ours, as far as we
// can see.
func (d *doctor) answersTables(w postfix.Wanted) bool {
	socket := d.Config.Socketmap
	if socket.Network == "unix" && !d.stands(socket) {
		return false
	}
	conn, err := net.DialTimeout(socket.Network, socket.Address, tableTime)
	if err != nil {
		if !d.refused(socket, err) {
			d.add(Finding{Level: Error, What: "cannot connect to " + socket.String(), Why: err.Error(), Fix: "see what it is, and why", Commands: startCommands})
		}
		return false
	}
	defer conn.Close()
	if f, wrong := d.judgeTables(conn, socket, w); wrong {
		f.Level, f.What = Error, "what listens at "+socket.String()+" does not answer as our socketmap"
		d.add(f)
		return false
	}
	d.ok("a socketmap answers at %s", socket)
	if socket.Network == "unix" && os.Geteuid() == 0 && open(socket.Address) {
		d.ok("every user of this host can ask there; it says which domains are delivered directly and which bounce addresses are ours, and no more")
	}
	return true
}

// tableTime bounds a conversation. Postfix itself waits 100 s for an answer, and we answer
// from memory.
const tableTime = 5 * time.Second

// milterTime is how long a milter may take to answer that it is one.
const milterTime = 2 * time.Second

// judgeTables asks two keys whose answers are known. "*" asks whether a table has a default, and
// ours never has; the role address of the bounce domain is always known.
func (d *doctor) judgeTables(conn net.Conn, at config.Socket, w postfix.Wanted) (f Finding, wrong bool) {
	conn.SetDeadline(time.Now().Add(tableTime))
	request := socketmap.Transport + " *"
	answer, err := socketmap.Ask(conn, request)
	switch {
	case err != nil:
		return unanswered(at, err), true
	case answer != "NOTFOUND ":
		return Finding{Why: fmt.Sprintf("asked for %q, it says %q: mail that is none of ours would go there", request, answer), Fix: "find out which program it is, and name our socket instead"}, true
	case w.Bounce == "":
		return f, false
	}
	request = socketmap.Recipients + " postmaster@" + w.Bounce
	if answer, err = socketmap.Ask(conn, request); err != nil {
		return unanswered(at, err), true
	}
	if !strings.HasPrefix(answer, "OK ") {
		return Finding{Why: fmt.Sprintf("asked for %q, it says %q: it is another program, or a daemon with another configuration than this one", request, answer),
			Fix: "see which configuration the daemon uses", Commands: []string{"onbehalf status", "systemctl restart onbehalf"}}, true
	}
	return f, false
}

// unanswered explains why there was no answer, and says whether it is a milter that was asked.
func unanswered(at config.Socket, err error) Finding {
	f := Finding{Fix: "restart onbehalf, and see what held it up", Commands: startCommands}
	switch {
	case isMilter(at):
		return Finding{Why: "a milter answers there, not a socketmap; Postfix defers the mail that it has to look up", Fix: "name the socket of socketmap there, and that of listen only in smtpd_milters and non_smtpd_milters"}
	case errors.Is(err, os.ErrDeadlineExceeded):
		f.Why = fmt.Sprintf("it accepts the connection, and has not answered in %s; Postfix waits 100 s for each lookup, and then defers the mail", tableTime)
	case errors.Is(err, io.EOF):
		f.Why = "it closes the connection without an answer, so Postfix defers the mail that it has to look up"
	default:
		f.Why = err.Error() + "; Postfix defers the mail that it has to look up"
	}
	return f
}

// isMilter reports whether somebody negotiates there as a milter does.
func isMilter(at config.Socket) bool {
	answers := make(chan bool, 1)
	go func() {
		client, err := mta.Dial(at.Network, at.Address) // patient, more than we are
		if err == nil {
			client.Close()
		}
		answers <- err == nil
	}()
	select {
	case is := <-answers:
		return is
	case <-time.After(milterTime):
		return false
	}
}

// askAsPostfix asks at each name that Postfix has for the socket, once chrooted and once not,
// where there are services of both kinds.
func (d *doctor) askAsPostfix(w postfix.Wanted, readers []postfix.Reader, answers bool) {
	who := d.postfixUser()
	if who == nil {
		return
	}
	for len(readers) > 0 {
		first := readers[0]
		same := func(r postfix.Reader) bool {
			return r.Table.Socket == first.Table.Socket && r.Service.Chrooted == first.Service.Chrooted
		}
		group := slices.DeleteFunc(slices.Clone(readers), func(r postfix.Reader) bool { return !same(r) })
		readers = slices.DeleteFunc(readers, same)
		d.askAs(who, w, group, answers)
	}
}

func (d *doctor) askAs(who *access.User, w postfix.Wanted, group []postfix.Reader, answers bool) {
	table, at := group[0].Table, d.Config.Socketmap
	if !strings.HasPrefix(table.Socket, "unix:") {
		d.overNetwork(table, w, group)
		return
	}
	c := call{caller: caller{who, filepath.Clean(d.Postfix.Queue()), group[0].Service.Chrooted}, services: postfix.List(postfix.ServicesOf(group)),
		name: table.Socket, place: socketmapPlace}
	if c.path() == at.Address && !answers {
		return // said already
	}
	if name := d.Postfix.Name(w.Socketmap); table.Socket != name && !strings.HasPrefix(name, "unix:/") {
		c.rename, c.commands = d.Postfix.Renamed(group, w)
	}
	c.examine(d, func(conn net.Conn) (Finding, bool) {
		f, wrong := d.judgeTables(conn, atPath(c.path()), w)
		if wrong && c.rename != "" {
			f.Fix, f.Commands = c.rename, c.commands
		}
		return f, wrong
	})
}

// overNetwork is about tables that are asked for by TCP.
func (d *doctor) overNetwork(table postfix.Table, w postfix.Wanted, group []postfix.Reader) {
	f := Finding{Level: Warning, What: fmt.Sprintf("%s asks onbehalf at %s, which is not a unix socket", postfix.List(postfix.Settings(group)), table.Socket),
		Why: "whenever onbehalf restarts, Postfix defers the mail of services that had asked there before"}
	if d.Config.Socketmap.Network == "unix" {
		f.Fix, f.Commands = d.Postfix.Renamed(group, w)
	} else {
		f.Fix = "write socketmap: unix:" + filepath.Join(d.Postfix.Queue(), "onbehalf", "socketmap.sock") + ", restart onbehalf, and name it there: onbehalf setup says how"
	}
	d.add(f)
}
