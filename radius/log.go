package radius

import (
	"sync"
	"time"
)

// A logLimit keeps one kind of log line rare, so that nobody can fill the disk with it.
// The zero logLimit lets five lines through in ten seconds.
type logLimit struct {
	mu    sync.Mutex
	since time.Time
	lines int // asked for since then
}

const (
	logLines  = 5
	logPeriod = 10 * time.Second
)

// allow reports whether a line may be written, and how many were not since the last one.
func (l *logLimit) allow() (omitted int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.since) > logPeriod {
		omitted = max(0, l.lines-logLines)
		l.since, l.lines = now, 0
	}
	l.lines++
	return omitted, l.lines <= logLines
}
