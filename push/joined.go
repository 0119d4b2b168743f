package push

import "sync"

// maxJoined is how many requests may wait on one challenge, on one server, beside the one
// that began it. A NAS that retries makes a few; who forges them could otherwise take
// every place that the server has, and needs no more than a user's name and station.
const maxJoined = 64

// A joined counts them by the challenge's ID.
type joined struct {
	mu   sync.Mutex
	byID map[string]int
}

func (j *joined) enter(id string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.byID[id] >= maxJoined {
		return false
	}
	if j.byID == nil {
		j.byID = make(map[string]int)
	}
	j.byID[id]++
	return true
}

func (j *joined) leave(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.byID[id]--; j.byID[id] == 0 {
		delete(j.byID, id)
	}
}
