package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"onbehalf/store"
)

// History is the document at /history, the latest first. The question may have parameters:
//
//	tenant  id, domain or address; absent: all tenants, the platform and the daemon
//	since   a time as in RFC 3339; absent: all that is kept
//	before  what the page before said is next; absent: the first page
//	limit   entries on a page, 1 to 500; absent: 500
type History struct {
	Entries []store.Entry `json:"entries"`
	Next    string        `json:"next,omitempty"` // the next page's before; empty: that was all
}

const maxEntries = 500 // on a page

func (h *Handler) history(values url.Values) (any, *refusal) {
	q, err := queryOf(values)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "%v", err)
	}
	if t, _ := h.source.Table().Snapshot().Find(q.Tenant); t != nil {
		q.Tenant = t.ID // one that is no longer configured goes by its id alone
	}
	page, next, err := h.source.History(q)
	switch {
	case errors.Is(err, store.ErrPage):
		return nil, refuse(http.StatusBadRequest, "before=%q: %v", q.Before, err)
	case err != nil:
		return nil, refuse(http.StatusInternalServerError, "%v", err)
	case !q.All && q.Before == "" && len(page) == 0 && h.source.Table().Snapshot().Tenant(q.Tenant) == nil:
		return nil, refuse(http.StatusNotFound, "no tenant has the id %q, and none had it of late", q.Tenant)
	}
	return History{Entries: append([]store.Entry{}, page...), Next: next}, nil
}

func queryOf(values url.Values) (q store.Query, err error) {
	q = store.Query{Tenant: values.Get("tenant"), All: !values.Has("tenant"), Before: values.Get("before"), Limit: maxEntries}
	if since := values.Get("since"); since != "" {
		if q.Since, err = time.Parse(time.RFC3339, since); err != nil {
			return q, errors.New("since is not a time like 2026-11-26T18:00:00Z")
		}
	}
	if limit := values.Get("limit"); limit != "" {
		if q.Limit, err = strconv.Atoi(limit); err != nil || q.Limit < 1 || q.Limit > maxEntries {
			return q, errors.New("limit is not a number from 1 to 500")
		}
	}
	return q, nil
}
