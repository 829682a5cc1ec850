package admin

// Files is the document at /files: which of the files that the configuration on disk names the
// daemon's user may not use as the daemon does.
type Files struct {
	File   string   `json:"file"` // main file of the configuration
	User   string   `json:"user"` // that the daemon runs as
	Denied []Denied `json:"denied"`
}

// Denied is one of them.
type Denied struct {
	Path  string `json:"path"`
	Error string `json:"error"` // what the system says
}
