package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"onbehalf/admin"
	"onbehalf/admin/print"
	"onbehalf/config"
	"onbehalf/events"
)

// eventsOptions are what events is asked.
type eventsOptions struct {
	follow, test, json bool
	socket             string
}

// followEvery is how often the daemon is asked for new events.
const followEvery = time.Second

func (p *program) events() *cobra.Command {
	var q eventsOptions
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what somebody must know, or test who hears of it",
		Long: `Ask the running daemon for the last events, the latest at the end: a tenant whose mail leaves in
another way or is about to, a reload that was refused, an outage of DNS, and others. events.webhook and
events.command get the same. --follow goes on until it is interrupted. --test has the
daemon send an event of type test, and says what the receivers answered.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if q.test && q.follow {
				return misuse("--test and --follow: one of them")
			}
			return p.runEvents(q)
		},
	}
	cmd.Flags().BoolVar(&q.follow, "follow", false, "go on, and show new ones as they come")
	cmd.Flags().BoolVar(&q.test, "test", false, "have the daemon send a test event")
	cmd.Flags().BoolVar(&q.json, "json", false, "print a JSON list; with --follow, a line of JSON for each")
	cmd.Flags().StringVar(&q.socket, "socket", "", "the daemon's admin socket: unix:PATH or inet:HOST:PORT")
	return cmd
}

func (p *program) runEvents(q eventsOptions) error {
	conf, findings := config.Load(p.config, os.Environ())
	client, err := p.find(conf, findings, q.socket)
	if err != nil {
		return err
	}
	switch {
	case q.test:
		return p.testEvents(client, q)
	case q.follow:
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return p.followEvents(ctx, client, q)
	}
	var page events.Page
	if err := client.get("/events", &page); err != nil {
		return err
	}
	if q.json {
		return printJSON(p.out, page.Events)
	}
	if len(page.Events) == 0 {
		fmt.Fprintln(p.out, "There was no event yet.")
		return nil
	}
	print.Events(p.out, page.Events)
	return nil
}

// followEvents prints events as they come. A daemon that restarts meanwhile is asked again.
func (p *program) followEvents(ctx context.Context, client adminClient, q eventsOptions) error {
	place, answered := "", false
	for {
		ask := "/events"
		if place != "" {
			ask += "?after=" + place
		}
		var page events.Page
		err := client.get(ask, &page)
		if err != nil && !answered {
			return err
		}
		if err == nil {
			answered, place = true, page.Last
			if err := p.showEvents(page.Events, q); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}

func (p *program) showEvents(all []events.Event, q eventsOptions) error {
	if !q.json {
		print.Events(p.out, all)
		return nil
	}
	for _, e := range all {
		text, err := json.Marshal(e)
		if err == nil {
			_, err = fmt.Fprintf(p.out, "%s\n", admin.Escape(text))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *program) testEvents(client adminClient, q eventsOptions) error {
	tests, err := admin.TryEvents(client.socket.Network, client.socket.Address)
	if err != nil {
		return client.explain(err)
	}
	if len(tests.Tests) == 0 {
		return errors.New("nobody hears of events: neither events.webhook nor events.command is in the daemon's configuration; docs/events.md says what they are, and systemctl reload onbehalf takes them")
	}
	if q.json {
		err = printJSON(p.out, tests.Tests)
	} else {
		print.Tests(p.out, tests.Tests)
	}
	for _, one := range tests.Tests {
		if !one.OK && err == nil {
			err = errSaid
		}
	}
	return err
}
