package bolt

import (
	"context"
	"fmt"
	"testing"
)

// Watches whose contexts have ended are forgotten though nobody touches their keys.
func TestEndedWatchesAreForgotten(t *testing.T) {
	db := openTest(t)
	for i := range 20_000 {
		ctx, cancel := context.WithCancel(t.Context())
		db.Watch(ctx, fmt.Sprint("challenge/", i))
		cancel()
	}
	watches, keys := 0, 0
	for i := range db.watches.shards {
		watches += db.watches.shards[i].n
		keys += len(db.watches.shards[i].keys)
	}
	if limit := 100 * len(db.watches.shards); watches > limit || keys > limit {
		t.Errorf("%d watches of %d keys are kept, none is alive", watches, keys)
	}
}
