package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Bounds of an answer, for the client.
const (
	answerTime = 30 * time.Second
	maxAnswer  = 64 << 20
)

// ErrStranger is what Ask returns when the answer is not one of ours.
var ErrStranger = errors.New("what answers is not onbehalf, or is another version of it")

// Ask gets the document at a path from the daemon that listens at a socket ("unix" or
// "tcp"). When the daemon has no such document, the error is an Error; when nobody answers, that of
// package net.
func Ask(network, address, path string, document any) error {
	return do(http.MethodGet, network, address, path, document)
}

// LookNow has the daemon look up a tenant's domains. The errors are those of Ask.
func LookNow(network, address, tenant string) (Lookups, error) {
	var begun Lookups
	err := do(http.MethodPost, network, address, "/tenants/"+url.PathEscape(tenant)+"/lookups", &begun)
	return begun, err
}

// TryEvents has the daemon send a test event to each receiver. The errors are those of Ask.
func TryEvents(network, address string) (Tests, error) {
	var tests Tests
	err := do(http.MethodPost, network, address, testPath, &tests)
	return tests, err
}

func do(method, network, address, path string, document any) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, method, "http://localhost"+path, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return err
	}
	if answer.Header.Get("Server") != product {
		return ErrStranger
	}
	return read(answer.StatusCode, body, document)
}

func read(status int, body []byte, document any) error {
	var no Error
	switch {
	case status == http.StatusOK && json.Unmarshal(body, document) == nil:
		return nil
	case status != http.StatusOK && json.Unmarshal(body, &no) == nil && no.Text != "":
		return no
	}
	return ErrStranger
}

// Error returns the text.
func (e Error) Error() string { return e.Text }
