package admin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"onbehalf/admin"
	"onbehalf/events"
)

// eventsOf says what it was asked.
func eventsOf(after string, most int) (events.Page, error) {
	switch after {
	case "x":
		return events.Page{}, events.ErrPage
	case "broken":
		return events.Page{}, errors.New("the disk is on fire")
	}
	e := events.NewTest(noon)
	e.ID = fmt.Sprintf("%s, %d at most", after, most)
	return events.Page{Events: []events.Event{e}, Last: "00ff"}, nil
}

func tryEvents(ctx context.Context) []events.Tried {
	if _, bounded := ctx.Deadline(); !bounded {
		return nil
	}
	return []events.Tried{{Sink: "webhook", Target: "https://monitoring.example", OK: true, Answer: "HTTP 200 OK", Milliseconds: 12}}
}

// TestEventQuestions: events are answered a page at a time, and a test is made by POST alone, never for
// a web page.
func TestEventQuestions(t *testing.T) {
	h := newDesk(t, nil).handler()
	for _, test := range []struct {
		method, ask string
		status      int
		want        string
	}{
		{"GET", "/events", 200, `", 1000 at most"`},
		{"HEAD", "/events", 200, ""},
		{"GET", "/events?after=00ff", 200, `"last": "00ff"`},
		{"GET", "/events?after=x", 400, "there is no such page"},
		{"GET", "/events?after=broken", 500, "the disk is on fire"},
		{"GET", "/events/test", 404, "/events"},
		{"POST", "/events/test", 200, `"answer": "HTTP 200 OK"`},
		{"POST", "/events", 405, "POST at /tenants/ID/lookups and /events/test alone"},
	} {
		answer := get(h, test.method, test.ask, "", "unix")
		if answer.Code != test.status || !strings.Contains(answer.Body.String(), test.want) {
			t.Errorf("%s %s: %d %s", test.method, test.ask, answer.Code, answer.Body)
		}
	}
	request := httptest.NewRequest(http.MethodPost, "/events/test", nil)
	request.Host = "127.0.0.1"
	request.Header.Set("Origin", "https://elsewhere.example")
	answer := httptest.NewRecorder()
	if h.ServeHTTP(answer, request); answer.Code != http.StatusForbidden {
		t.Errorf("for a web page: %d %s", answer.Code, answer.Body)
	}
}

// TestOneTestAtATime: who asks while a test is under way is refused, and does not wait.
func TestOneTestAtATime(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	h := admin.NewHandler(admin.Source{Unready: func() *admin.Unready { return nil }, TryEvents: func(context.Context) []events.Tried {
		begun <- struct{}{}
		<-end
		return nil
	}})
	first := make(chan int)
	go func() { first <- get(h, http.MethodPost, "/events/test", "", "unix").Code }()
	<-begun
	asked := time.Now()
	if answer := get(h, http.MethodPost, "/events/test", "", "unix"); answer.Code != http.StatusTooManyRequests || time.Since(asked) > 5*time.Second {
		t.Errorf("the second: %d", answer.Code)
	}
	close(end)
	if code := <-first; code != http.StatusOK {
		t.Errorf("the first: %d", code)
	}
}
