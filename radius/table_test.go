package radius

import (
	"context"
	"net/netip"
	"testing"
	"time"
)

// answered enters n exchanges with different keys into the table and answers them, one
// a millisecond.
func answered(t *table, n int, now time.Time) time.Time {
	for i := range n {
		_, cancel := context.WithCancel(context.Background())
		x := &exchange{key: key{addr: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}, cancel: cancel}
		t.begin(x, now)
		t.answer(x, []byte("reply"), now)
		now = now.Add(time.Millisecond)
	}
	return now
}

// sound reports what is wrong with the list of answered exchanges.
func (t *table) sound() string {
	n := 0
	for x := t.oldest; x != nil; x = x.newer {
		n++
		switch {
		case t.exchanges[x.key] != x:
			return "an exchange is in the list, but not in the map"
		case x.newer == nil && t.newest != x, x.newer != nil && x.newer.older != x:
			return "the list is torn"
		case x.newer != nil && x.newer.expires.Before(x.expires):
			return "the list is out of order"
		}
	}
	if n != t.replies {
		return "the list is not as long as its count"
	}
	return ""
}

func TestRepliesAreForgottenInTime(t *testing.T) {
	table := &table{keep: 10 * time.Second, exchanges: make(map[key]*exchange)}
	answered(table, 30_000, time.Now())
	if n := len(table.exchanges); n < 10_000 || n > 10_002 {
		t.Errorf("%d exchanges are kept, want those of the last ten seconds", n)
	}
	if fault := table.sound(); fault != "" {
		t.Error(fault)
	}
}

func TestRepliesAreBoundedInNumber(t *testing.T) {
	table := &table{keep: time.Hour, exchanges: make(map[key]*exchange)}
	answered(table, maxReplies+1000, time.Now())
	if n := len(table.exchanges); n != maxReplies {
		t.Errorf("%d exchanges are kept, want %d", n, maxReplies)
	}
}

func TestRepliesAreBoundedInOctets(t *testing.T) {
	table := &table{keep: time.Hour, exchanges: make(map[key]*exchange)}
	now, long := time.Now(), make([]byte, 4096)
	for i := range maxOctets/len(long) + 1000 {
		x := &exchange{key: key{addr: netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}}
		table.begin(x, now)
		table.answer(x, long, now)
	}
	if n := len(table.exchanges); n != maxOctets/len(long) || table.octets != maxOctets {
		t.Errorf("%d exchanges of %d octets are kept", n, table.octets)
	}
	answered(table, 100, now.Add(2*time.Hour)) // the others' time is over
	if want := 100 * len("reply"); table.octets != want {
		t.Errorf("%d octets are counted, want %d", table.octets, want)
	}
}

func TestReplyToSupersededExchangeIsForgotten(t *testing.T) {
	table := &table{keep: time.Hour, exchanges: make(map[key]*exchange)}
	now := time.Now()
	for range 3 {
		now = answered(table, 100, now) // the same keys, in the middle and at both ends
		if fault := table.sound(); fault != "" || len(table.exchanges) != 100 || table.replies != 100 {
			t.Fatalf("%d exchanges, %d replies; %s", len(table.exchanges), table.replies, fault)
		}
	}
}
