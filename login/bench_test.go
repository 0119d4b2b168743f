package login_test

import (
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"radpush/login"
	"radpush/otp"
	"radpush/password"
	"radpush/push"
	"radpush/store"
	"radpush/store/storetest"
)

// Logins by PIN and TOTP code, on a store in memory: of one user, and of eight at a time, of
// which two are hashed and six wait. The metric x-plain is the ratio to a login without PIN.
// What a code costs by itself is measured in package access.
func BenchmarkPIN(b *testing.B) {
	at, token := time.Unix(1_700_000_000, 0), otp.New("t", otp.SHA1, 6, 30*time.Second)
	hasher := &password.Hasher{AtOnce: 2}
	hash, err := hasher.Hash(b.Context(), "2580")
	if err != nil {
		b.Fatal(err)
	}
	disk, log := &storetest.Memory{}, slog.New(slog.DiscardHandler)
	e := login.Engine{
		Users:    store.Table[login.User]{Backend: disk, Prefix: "user"},
		Activity: &login.Journal{Rows: store.Table[login.Row]{Backend: disk, Prefix: "activity"}},
		Push:     &push.Broker{Log: log},
		Clients:  map[string]login.Client{"vpn": {Name: "vpn"}},
		Hasher:   hasher,
		Log:      log,
	}
	plain := 0.0
	for _, bb := range []struct {
		name   string
		pin    login.PIN
		typed  string
		logins int
	}{
		{"plain", login.PIN{}, "", 1},
		{"one", login.PIN{Hash: hash, Octets: 4}, "2580", 1},
		{"eight", login.PIN{Hash: hash, Octets: 4}, "2580", 8},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var wg sync.WaitGroup
				for i := range bb.logins {
					wg.Go(func() {
						u := login.User{Name: fmt.Sprint("user-", i), Tokens: []otp.Token{token}, PIN: bb.pin}
						err := e.Users.Update(b.Context(), u.Name, func(*login.User) (*login.User, error) { return &u, nil })
						if err != nil {
							b.Error(err)
						}
						v, err := e.Login(b.Context(), login.Attempt{
							User: u.Name, Client: "vpn", Passcode: text(bb.typed + token.Code(token.Step(at))), Protocol: "PAP", Received: at,
						})
						if err != nil || v.Reason != login.CodeAccepted {
							b.Errorf("%s, %v", v.Reason, err)
						}
					})
				}
				wg.Wait()
			}
			took := float64(b.Elapsed().Nanoseconds()) / float64(b.N*bb.logins)
			if plain == 0 || bb.name == "plain" {
				plain = took
			}
			b.ReportMetric(took, "ns/login")
			b.ReportMetric(took/plain, "x-plain")
		})
	}
}
