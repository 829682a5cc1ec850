package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"onbehalf/cmd/onbehalf/daemon"
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
	var classic, asJSON bool
	cmd := &cobra.Command{
		Use:               "encode ADDRESS",
		Short:             "Print the bounce address that leads to ADDRESS",
		Args:              takes("ADDRESS"),
		ValidArgsFunction: once(p.addresses),
		RunE:              func(_ *cobra.Command, args []string) error { return p.runEncode(args[0], tenantID, classic, asJSON) },
	}
	cmd.Flags().BoolVar(&classic, "classic", false, "as another SRS daemon with the first secret would make it")
	cmd.Flags().StringVar(&tenantID, "tenant", "", "the tenant (id, domain or address) whose bounces_to takes what does not fit into an address (default: the one whose domain it is)")
	bounceJSON(cmd, &asJSON)
	return cmd
}

// bounceJSON adds --json.
func bounceJSON(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print both addresses as JSON")
}

// showBounce prints an address or, as JSON, what leads to what.
func (p *program) showBounce(show, bounce, address message.Address, asJSON bool) error {
	if asJSON {
		return printJSON(p.out, struct {
			Bounce  message.Address `json:"bounce"`
			Address message.Address `json:"address"`
		}{bounce, address})
	}
	_, err := fmt.Fprintln(p.out, show)
	return err
}

func (p *program) runEncode(text, tenantID string, classic, asJSON bool) error {
	path, now, err := p.needFor(text)
	if err != nil {
		return err
	}
	if tenantID != "" {
		named, err := tenantOf(now, tenantID)
		if err != nil {
			return err
		}
		tenantID = named.ID
	}
	codec := rewrite.NewCodec(now.Platform.SRS, time.Now())
	if classic {
		bounce := codec.ClassicBounce(path.Address, now.Platform.Bounce)
		return p.showBounce(bounce, bounce, path.Address, asJSON)
	}
	snapshot := now.Table().Snapshot()
	if owner, _ := snapshot.Owner(path.Address.Domain); owner != nil && tenantID == "" {
		tenantID = owner.ID
	}
	bounce := codec.BounceAt(path, tenantID, now.Platform.Bounce, true, snapshot.TakesBounces)
	return p.showBounce(bounce, bounce, path.Address, asJSON)
}

// needFor reads an address, with or without angle brackets, and loads.
func (p *program) needFor(text string) (message.Path, *daemon.Generation, error) {
	path := message.ParsePath(text)
	if !path.Readable() {
		_, err := message.ParseAddress(path.Verbatim)
		return path, nil, misuse("%q: %w", text, err)
	}
	now, _, err := p.needRest()
	return path, now, err
}

func (p *program) bounceDecode() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "decode ADDRESS",
		Short: "Print the address that a bounce address leads to",
		Args:  takes("ADDRESS"),
		RunE:  func(_ *cobra.Command, args []string) error { return p.runDecode(args[0], asJSON) },
	}
	bounceJSON(cmd, &asJSON)
	return cmd
}

func (p *program) runDecode(text string, asJSON bool) error {
	path, now, err := p.needFor(text)
	if err != nil {
		return err
	}
	x, ours, err := rewrite.Route(message.Path{}, path, now.Table().Snapshot(), time.Now())
	switch {
	case err != nil:
		return fmt.Errorf("%s leads nowhere: %w", text, err)
	case !ours:
		return fmt.Errorf("%s is no address of ours: %s is neither the bounce domain (%s) nor a tenant's return path, and the address is no reply address",
			text, path.Address.Domain, now.Platform.Bounce)
	}
	return p.showBounce(x.To, path.Address, x.To, asJSON)
}
