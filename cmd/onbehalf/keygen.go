package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"onbehalf/config"
	"onbehalf/keys"
	"onbehalf/message"
	"onbehalf/tenant"
)

func (p *program) keygen() *cobra.Command {
	var domain, selector, algorithm, folder string
	var bits int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "keygen --domain D --selector S",
		Short: "Make a DKIM key and print the DNS record to publish",
		Long: `Make a DKIM key in keys_dir, as DOMAIN-SELECTOR.pem with mode 0640 and the group of
that folder, and print the DNS record to publish. A file that is there is never
overwritten.`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) error {
			d, err := message.ParseDomain(domain)
			if err != nil {
				return misuse("--domain: %w", err)
			}
			id := tenant.Identity{SDID: d, Selector: selector, Algorithm: tenant.Algorithm(algorithm)}
			return p.runKeygen(id, bits, folder, asJSON)
		},
	}
	cmd.Flags().StringVar(&domain, "domain", "", "the domain that signs (d=)")
	cmd.Flags().StringVar(&selector, "selector", "", "the name of the key in that domain (s=)")
	cmd.Flags().StringVar(&algorithm, "type", string(tenant.RSA), "rsa or ed25519")
	cmd.Flags().IntVar(&bits, "bits", 0, "size of an RSA key (default 2048)")
	cmd.Flags().StringVar(&folder, "keys-dir", "", "where to put the key (default: keys_dir of the configuration)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the key's file and record as JSON")
	cmd.MarkFlagRequired("domain")
	cmd.MarkFlagRequired("selector")
	return cmd
}

func (p *program) runKeygen(id tenant.Identity, bits int, folder string, asJSON bool) error {
	if !tenant.ValidSelector(id.Selector) {
		return misuse("--selector: %s is not made of letters, digits and inner hyphens; choose one like cw1", config.Quoted(id.Selector))
	}
	if folder == "" {
		folder = p.keysDir()
	}
	key, err := keys.Generate(id.Algorithm, bits)
	if err != nil {
		return misuse("%w", err)
	}
	record, err := keys.Record(key.Public())
	if err != nil {
		return err
	}
	path := filepath.Join(folder, id.SDID.String()+"-"+id.Selector+".pem")
	if err := keys.Create(path, key); err != nil {
		return err
	}
	if err := giveToGroup(path); err != nil { // the key is made all the same
		fmt.Fprintf(p.err, "onbehalf: %v; give the file to the daemon's group yourself\n", err)
	}
	if asJSON {
		return printJSON(p.out, madeKey{path, id, id.String(), "TXT", record})
	}
	fmt.Fprintf(p.err, "made %s; name it in the configuration as\n  dkim: [{selector: %s, key: %s}]\nand publish:\n", path, id.Selector, filepath.Base(path))
	fmt.Fprintln(p.out, keys.ZoneLine(id, record))
	return nil
}

// madeKey is what --json prints.
type madeKey struct {
	File string `json:"file"` // path
	tenant.Identity
	Name  string `json:"name"` // of the record, absolute, without a final dot
	Type  string `json:"type"`
	Value string `json:"value"`
}

// keysDir returns keys_dir of a configuration that need not be whole yet: the first
// key is made before the configuration can name it.
func (p *program) keysDir() string {
	conf, _ := config.Load(p.config, os.Environ())
	if conf.KeysDir != "" {
		return conf.KeysDir
	}
	return filepath.Join(filepath.Dir(p.config), "keys")
}

// giveToGroup hands the key to the group of its folder, so that the daemon can
// read what root has made.
func giveToGroup(path string) error {
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	folder, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	err = os.Chown(path, -1, int(folder.Gid))
	if errors.Is(err, os.ErrPermission) {
		return nil // not root: the key is for whoever made it
	}
	return err
}
