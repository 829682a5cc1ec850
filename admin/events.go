package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"onbehalf/events"
)

// testPath is where a test event is asked for, by POST.
const testPath = "/events/test"

// testTime bounds how long a test takes: what asks waits for it.
const testTime = 20 * time.Second

// Tests is the answer to a POST at /events/test.
type Tests struct {
	Tests []events.Tried `json:"tests"` // one for each receiver
}

// maxEvents is how many events there are on a page of /events. The question may have a parameter:
//
//	after  what a page before said is its last; absent: the last ones
const maxEvents = 1000

func (h *Handler) events(values url.Values) (any, *refusal) {
	page, err := h.source.Events(values.Get("after"), maxEvents)
	switch {
	case errors.Is(err, events.ErrPage):
		return nil, refuse(http.StatusBadRequest, "after=%q: %v", values.Get("after"), err)
	case err != nil:
		return nil, refuse(http.StatusInternalServerError, "%v", err)
	}
	return page, nil
}

func (h *Handler) tryEvents(ctx context.Context) (any, *refusal) {
	if !h.trying.TryLock() {
		return nil, refuse(http.StatusTooManyRequests, "a test is under way; ask again in a moment")
	}
	defer h.trying.Unlock()
	ctx, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	return Tests{append([]events.Tried{}, h.source.TryEvents(ctx)...)}, nil
}
