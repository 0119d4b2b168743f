package storetest

import (
	"testing"

	"radpush/store"
)

func TestMemory(t *testing.T) {
	promises(t, func(t *testing.T) store.Backend { return new(Memory) })
}
