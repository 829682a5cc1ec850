package test

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"

	"onbehalf/events"
)

// noReceiver has events go to an address at which nobody listens.
func (f *faults) noReceiver() {
	f.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	f.must(err)
	f.hook = l.Addr().String()
	l.Close()
	secret := f.folder + "/events.secret"
	f.must(os.WriteFile(secret, []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), 0o600))
	f.parent.Setenv("ONBEHALF_EVENTS_WEBHOOK", "http://"+f.hook+"/")
	f.parent.Setenv("ONBEHALF_EVENTS_SECRET", secret)
}

// eventsNotTaken: nobody has listened to what was to be known of the faults before this one. It has
// waited, over restarts and a kill, and arrives in order as soon as somebody listens.
func (f *faults) eventsNotTaken() {
	f.stop()
	f.serve() // all that waits is tried at once
	f.says("an event was not delivered, and is tried again")
	f.status("DOES NOT TAKE THEM", "to go, the oldest of")
	out, talk, _ := f.run("events", "--test")
	f.seen = append(f.seen, strings.Join(strings.Fields(out+talk), " "))

	var mu sync.Mutex
	var got []events.Event
	l, err := net.Listen("tcp", f.hook)
	f.must(err)
	receiver := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e events.Event
		if json.NewDecoder(r.Body).Decode(&e) == nil {
			mu.Lock()
			got = append(got, e)
			mu.Unlock()
		}
	})}
	go receiver.Serve(l)
	defer receiver.Close()
	f.stop()
	f.serve()
	f.await("all events to be taken", func() bool {
		out, _, _ := f.run("status")
		return strings.Contains(strings.Join(strings.Fields(out), " "), "webhook takes them (http://"+f.hook+") ")
	})
	mu.Lock()
	defer mu.Unlock()
	var outages []string
	for _, e := range got {
		if e.Type == events.OutageBegan || e.Type == events.OutageEnded {
			outages = append(outages, string(e.Type))
		}
	}
	if len(outages) < 2 || outages[0] != string(events.OutageBegan) || !slices.Contains(outages, string(events.OutageEnded)) {
		f.t.Errorf("of the outages of DNS, these have arrived: %q", outages)
	}
	f.well()
}
