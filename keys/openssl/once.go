package openssl

// SignOnce is Sign with a key that is freed at once: of thousands that are only tried, none stays
// in memory until garbage is collected.
func (l *Library) SignOnce(der, digest []byte) ([]byte, error) {
	k := &Key{library: l, contexts: new(contexts)}
	if err := l.call(func() error { return k.read(der) }); err != nil {
		return nil, err
	}
	defer l.free(k.contexts)
	return k.Sign(digest)
}
