package access

import "sync"

// Warnings says what has been said already, once for each client.
type warnings struct {
	mu   sync.Mutex
	said map[string]bool
}

// maxWarnings bounds a set that lives as long as the server.
const maxWarnings = 1000

// first reports whether this is the first time for a client.
func (w *warnings) first(client string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.said[client] || len(w.said) >= maxWarnings {
		return false
	}
	if w.said == nil {
		w.said = make(map[string]bool)
	}
	w.said[client] = true
	return true
}
