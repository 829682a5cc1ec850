package daemon

import (
	"context"
	"log/slog"
	"path/filepath"

	"onbehalf/admin"
	"onbehalf/config"
	"onbehalf/keys"
)

// signer is what the daemon signs with, over all generations of its configuration.
type signer struct {
	name    string // signing.engine that the engine was opened by
	engine  *keys.Engine
	checked *keys.Checked
	store   string // file that checked lies in; empty: it could not be read
}

// loader makes the keys of a configuration sign by its engine. Another engine than before is
// opened; keys that were found good once are not checked again.
func (d *daemon) loader(conf *config.Config) keys.Loader {
	s := &d.signer
	if now := d.current.Load(); now != nil { // what a refused reload has opened is not in use
		s.name, s.engine = now.Engine, now.loader.Engine
	}
	if s.engine == nil || s.name != conf.Engine {
		s.name, s.engine = conf.Engine, keys.OpenEngine(conf.Engine, d.engineFailed)
	}
	if s.checked == nil && conf.StateDir != "" { // empty: the configuration could not be read
		path := filepath.Join(conf.StateDir, "keys.checked")
		var err error
		if s.checked, err = keys.ReadChecked(path); err == nil {
			s.store = path
		}
	}
	return keys.Loader{Engine: s.engine, Checked: s.checked}
}

// engineFailed logs the first failure of OpenSSL while mail is signed. One at start is logged
// with the engine.
func (d *daemon) engineFailed(err error) {
	if d.server != nil {
		d.log.Error("OpenSSL failed, and crypto/rsa stands in", "error", err, "remedy", "see onbehalf status; write signing: {engine: go} if it goes on")
	}
}

// logEngine says what signs by RSA, and saves which keys were found good.
func (d *daemon) logEngine(engine *keys.Engine) {
	s := engine.Status()
	level := slog.LevelInfo
	if s.Problem != "" && (d.signer.name == keys.EngineOpenSSL || s.StoodIn > 0) {
		level = slog.LevelWarn
	}
	d.log.Log(context.Background(), level, "RSA signatures", "engine", s.Name, "version", s.Version, "problem", s.Problem)
	d.saveChecked(d.signer)
}

// saveChecked saves which keys were found good, unless that is saved. That it cannot be costs time
// at the next start, no more.
func (d *daemon) saveChecked(s signer) {
	if s.store == "" {
		return
	}
	if err := s.checked.Save(s.store); err != nil {
		d.log.Warn("keys are checked again at the next start: which were found good cannot be saved", "error", err,
			"remedy", "let the user that the daemon runs as write to "+filepath.Dir(s.store))
	}
}

// signingStatus returns the part of a status about the engine.
func (d *daemon) signingStatus() admin.Signing {
	now := d.current.Load()
	s := now.loader.Engine.Status()
	doc := admin.Signing{Asked: now.Engine, Engine: s.Name, Version: s.Version, Problem: s.Problem, Fallbacks: s.StoodIn,
		Unproved: now.unproved.length()}
	if err := d.proof.signs(now); err != nil {
		doc.Failed = err.Error()
	}
	return doc
}
