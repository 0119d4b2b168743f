package store_test

import (
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"radpush/store"
	"radpush/store/storetest"
)

type token struct {
	Name    string    `cbor:"1,keyasint"`
	Seed    []byte    `cbor:"2,keyasint"`
	Used    time.Time `cbor:"3,keyasint,omitzero"`
	Counter int64     `cbor:"4,keyasint,omitempty"`
}

func tokens(t *testing.T, sealer *store.Sealer) (store.Table[token], *storetest.Memory) {
	m := new(storetest.Memory)
	return store.Table[token]{Backend: m, Prefix: "token", Sealer: sealer}, m
}

// raw puts the bytes of a record as they are.
func raw(t *testing.T, b store.Backend, key string, value []byte) {
	t.Helper()
	if err := b.Update(t.Context(), key, func([]byte) ([]byte, error) { return value, nil }); err != nil {
		t.Fatal(err)
	}
}

func put[T any](t *testing.T, table store.Table[T], key string, v T) {
	t.Helper()
	if err := table.Update(t.Context(), key, func(*T) (*T, error) { return &v, nil }); err != nil {
		t.Fatal(err)
	}
}

func TestTable(t *testing.T) {
	for name, sealer := range map[string]*store.Sealer{"plain": nil, "sealed": newSealer(t, 1)} {
		t.Run(name, func(t *testing.T) {
			table, backend := tokens(t, sealer)
			if _, err := table.Get(t.Context(), "a"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("missing record: %v", err)
			}
			err := table.Update(t.Context(), "a", func(old *token) (*token, error) {
				if old != nil {
					t.Errorf("old record %+v where there is none", old)
				}
				return &token{Name: "key fob", Seed: []byte("12345678901234567890")}, nil
			})
			if err != nil {
				t.Fatal(err)
			}

			used := time.Date(2031, 2, 3, 4, 5, 6, 123456789, time.FixedZone("", 3600))
			err = table.Update(t.Context(), "a", func(old *token) (*token, error) {
				old.Used, old.Counter = used, 7
				return old, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			want := token{Name: "key fob", Seed: []byte("12345678901234567890"), Used: used.UTC(), Counter: 7}
			got, err := table.Get(t.Context(), "a")
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, error %v; want %+v", got, err, want)
			}
			if b, _ := backend.Get(t.Context(), "token/a"); strings.Contains(string(b), "1234567890") != (sealer == nil) {
				t.Errorf("at rest: %q", b)
			}

			errTest := errors.New("fn failed")
			err = table.Update(t.Context(), "a", func(old *token) (*token, error) {
				old.Counter = 8
				return old, errTest
			})
			if err != errTest {
				t.Errorf("got error %v, want that of fn as it is", err)
			}
			if got, err := table.Get(t.Context(), "a"); err != nil || got.Counter != 7 {
				t.Errorf("after an update that failed: %+v, error %v", got, err)
			}
			if err := table.Update(t.Context(), "a", func(*token) (*token, error) { return nil, nil }); err != nil {
				t.Fatal(err)
			}
			if _, err := table.Get(t.Context(), "a"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("deleted record: %v", err)
			}
		})
	}
}

// A record of a later version keeps what this version knows.
func TestTablePassesOverUnknownFields(t *testing.T) {
	table, backend := tokens(t, nil)
	later, err := cbor.Marshal(map[any]any{1: "key fob", 4: 7, 99: []string{"what"}, "new": 1.5})
	if err != nil {
		t.Fatal(err)
	}
	raw(t, backend, "token/a", later)
	got, err := table.Get(t.Context(), "a")
	if err != nil || got.Name != "key fob" || got.Counter != 7 {
		t.Errorf("got %+v, error %v", got, err)
	}
}

func TestTableAll(t *testing.T) {
	table, backend := tokens(t, nil)
	for _, key := range []string{"alice/1", "alice/2", "alice/3", "bob/1"} {
		put(t, table, key, token{Name: key})
	}
	raw(t, backend, "tokens/alice/4", []byte("of another table"))
	raw(t, backend, "token/alice/2", []byte("damaged"))
	var got []string
	for v, err := range table.All(t.Context(), "alice/") {
		if err != nil {
			v.Name = "error"
		}
		got = append(got, v.Name)
	}
	if want := []string{"alice/1", "error", "alice/3"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for range table.All(t.Context(), "") {
		break // a loop may end early
	}
}

func TestTableWatch(t *testing.T) {
	table, _ := tokens(t, nil)
	c := table.Watch(t.Context(), "a")
	put(t, table, "a", token{Name: "new"})
	<-c
}

// Errors name the key and show nothing of what the record holds.
func TestTableErrorsShowNoContent(t *testing.T) {
	const secret = "JBSWY3DP"
	for name, record := range map[string]any{
		"no record":   secret,
		"wrong type":  map[int]any{4: secret},
		"not a time":  map[int]any{3: secret},
		"not a time ": map[int]any{3: cbor.Tag{Number: 0, Content: secret}},
		"overflow":    map[int]any{4: uint64(1) << 63},
		"cut off":     cbor.RawMessage("\xa1\x01\x69" + secret),
		"no CBOR":     cbor.RawMessage("\xff" + secret),
	} {
		for _, sealer := range []*store.Sealer{nil, newSealer(t, 1)} {
			table, backend := tokens(t, sealer)
			b, err := cbor.Marshal(record)
			if err != nil {
				b = record.(cbor.RawMessage)
			}
			raw(t, backend, "token/a\nb", b)
			_, err = table.Get(t.Context(), "a\nb")
			if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "9223372036854775808") ||
				!strings.Contains(err.Error(), `token "a\nb"`) {
				t.Errorf("%s: error %v", name, err)
			}
			err = table.Update(t.Context(), "a\nb", func(old *token) (*token, error) {
				t.Errorf("%s: fn was called with %+v", name, old)
				return old, nil
			})
			if err == nil {
				t.Errorf("%s: updated a record that cannot be read", name)
			}
		}
	}
}

func FuzzTable(f *testing.F) {
	b, err := cbor.Marshal(map[any]any{1: "key fob", 2: []byte("seed"), 3: time.Unix(1, 2).UTC().Format(time.RFC3339Nano), 4: 7})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("\xa1\x03\xc0\x60"))
	f.Fuzz(func(t *testing.T, b []byte) {
		table, backend := tokens(t, nil)
		if b == nil || len(b) > 1<<20 {
			t.Skip()
		}
		raw(t, backend, "token/a", b)
		v, err := table.Get(t.Context(), "a")
		if err != nil {
			return
		}
		put(t, table, "b", v) // what has been read can be written, and is read as the same
		again, err := table.Get(t.Context(), "b")
		if err != nil || again.Name != v.Name || string(again.Seed) != string(v.Seed) || !again.Used.Equal(v.Used) || again.Counter != v.Counter {
			t.Errorf("read %+v, then %+v, error %v", v, again, err)
		}
	})
}
