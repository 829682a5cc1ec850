package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"onbehalf/message"
	"onbehalf/rewrite"
)

func (p *program) bounce() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bounce",
		Short: "Make or read bounce addresses",
		Long:  "Make or read the addresses that bring bounces home. For help desks: whose mail is this bounce about?",
		RunE:  needsCommand,
	}
	cmd.AddCommand(p.bounceEncode(), p.bounceDecode())
	return cmd
}

func (p *program) bounceEncode() *cobra.Command {
	var tenantID string
	cmd := &cobra.Command{
		Use:   "encode ADDRESS",
		Short: "Print the bounce address that leads to ADDRESS",
		Args:  cobra.ExactArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return p.runEncode(args[0], tenantID) },
	}
	cmd.Flags().StringVar(&tenantID, "tenant", "", "id of the tenant whose bounces_to takes what does not fit into an address")
	return cmd
}

func (p *program) runEncode(text, tenantID string) error {
	path, err := parseArgument(text)
	if err != nil {
		return err
	}
	now, err := p.need()
	if err != nil {
		return err
	}
	if tenantID != "" && now.tenant(tenantID) == nil {
		return fmt.Errorf("there is no tenant %q", tenantID)
	}
	codec := rewrite.NewCodec(now.Platform.SRS, time.Now())
	fmt.Fprintln(p.out, codec.Bounce(path, tenantID, now.Platform.Bounce, true))
	return nil
}

// parseArgument reads an address, with or without angle brackets.
func parseArgument(text string) (message.Path, error) {
	path := message.ParsePath(text)
	if !path.Readable() {
		_, err := message.ParseAddress(path.Verbatim)
		return path, misuse("%q: %w", text, err)
	}
	return path, nil
}

func (p *program) bounceDecode() *cobra.Command {
	return &cobra.Command{
		Use:   "decode ADDRESS",
		Short: "Print the address that a bounce address leads to",
		Args:  cobra.ExactArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return p.runDecode(args[0]) },
	}
}

func (p *program) runDecode(text string) error {
	path, err := parseArgument(text)
	if err != nil {
		return err
	}
	now, err := p.need()
	if err != nil {
		return err
	}
	if d := path.Address.Domain; !now.table.Snapshot().TakesBounces(d) {
		return fmt.Errorf("%s: %s is neither the bounce domain (%s) nor a tenant's return path", text, d, now.Platform.Bounce)
	}
	decoded, err := rewrite.NewCodec(now.Platform.SRS, time.Now()).Decode(path.Address)
	if err != nil {
		return fmt.Errorf("%s leads nowhere: %w", text, err)
	}
	to, err := now.leadsTo(decoded)
	if err != nil {
		return fmt.Errorf("%s leads nowhere: %w", text, err)
	}
	fmt.Fprintln(p.out, to)
	return nil
}

// leadsTo gives the mailbox behind a decoded address: the one it holds, or that of
// the tenant, or the platform's.
func (l *loaded) leadsTo(d rewrite.Decoded) (message.Address, error) {
	if !d.Address.IsZero() {
		return d.Address, nil
	}
	if d.Tenant == "" {
		return l.Platform.BouncesTo, nil
	}
	t := l.tenant(d.Tenant)
	switch {
	case t == nil:
		return message.Address{}, errors.New("its tenant is gone from the configuration")
	case t.BouncesTo.IsZero():
		return l.Platform.BouncesTo, nil
	}
	return t.BouncesTo, nil
}
