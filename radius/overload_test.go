package radius_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	server "radpush/radius"
)

func TestRequestsInFlightAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, requests := hold()
		nas := start(t, &server.Server{Handler: handler, MaxInFlight: 10})
		var bytes [30][]byte
		for i := range bytes {
			p := nas.PAP("alice", "")
			p.Identifier = byte(i)
			bytes[i] = nas.Send(p)
		}
		synctest.Wait()
		if n := len(requests); n != 10 {
			t.Fatalf("%d requests are in flight, want 10", n)
		}
		// A dropped request can be sent again; one that is answered makes room for it.
		(<-requests).answer <- radius.CodeAccessAccept
		if nas.Receive(soon) == nil {
			t.Fatal("no reply")
		}
		nas.SendBytes(bytes[20])
		nas.SendBytes(bytes[21])
		synctest.Wait()
		if n := len(requests); n != 10 {
			t.Errorf("%d requests are in flight, want 10", n)
		}
	})
}

func TestLastEighthIsForPreferredRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, requests := hold()
		nas := start(t, &server.Server{
			Handler:     handler,
			MaxInFlight: 80,
			Prefer:      func(r *server.Request) bool { return rfc2865.State_Get(r.Packet) != nil },
		})
		identifier := byte(0)
		send := func(n int, state bool) int {
			for range n {
				p := nas.PAP("alice", "")
				identifier++
				p.Identifier = identifier
				if state {
					rfc2865.State_SetString(p, "half-way")
				}
				nas.Send(p)
			}
			synctest.Wait()
			return len(requests)
		}
		if n := send(90, false); n != 70 {
			t.Errorf("%d requests without State are in flight, want 70", n)
		}
		if n := send(20, true); n != 80 {
			t.Errorf("%d requests are in flight, want 80", n)
		}
	})
}

func TestPanicInACheckCostsOneDatagram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, requests := hold()
		calls := 0
		nas := start(t, &server.Server{Handler: handler, MaxInFlight: 8, Prefer: func(r *server.Request) bool {
			calls++
			return calls > 1 || r.Attributes[1000] != nil
		}})
		for i := range 9 {
			p := nas.PAP("alice", "")
			p.Identifier = byte(i)
			nas.Send(p)
		}
		synctest.Wait()
		if n := len(requests); n != 8 || calls != 2 {
			t.Errorf("%d requests are in flight after %d calls of Prefer, want 8 and 2", n, calls)
		}
	})
}

func TestServerLivesWhenAllPlacesAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, requests := hold()
		nas := start(t, &server.Server{Handler: handler, MaxInFlight: 1})
		b := nas.Send(nas.PAP("alice", ""))
		h := <-requests
		nas.Send(nas.PAP("bob", ""))
		nas.SendBytes(b)
		if got := nas.Receive(soon); got != nil {
			t.Errorf("reply %x", got)
		}
		if got := nas.Login(t.Context(), status(0)); got.Code != radius.CodeAccessAccept {
			t.Errorf("%v to Status-Server", got.Code)
		}
		h.answer <- radius.CodeAccessAccept
		reply := nas.Receive(soon)
		nas.SendBytes(b)
		if again := nas.Receive(soon); reply == nil || !bytes.Equal(again, reply) {
			t.Errorf("reply %x, to the retransmission %x", reply, again)
		}
	})
}

func TestStrangersCannotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		nas := start(t, &server.Server{
			Log: slog.New(slog.NewTextHandler(&log, nil)),
			Handler: handler(func(context.Context, *server.Request) (*radius.Packet, error) {
				panic("boom")
			})})
		stranger := nas.network.NAS(t, "203.0.113.9:9", serverAddr, secret)
		for range 1000 {
			stranger.SendBytes([]byte("no RADIUS at all"))
			nas.SendBytes([]byte("no RADIUS at all"))
			p := nas.PAP("alice", "123456")
			nas.Send(p)
			nas.Receive(time.Millisecond)
		}
		nas.stop()
		lines := strings.Count(log.String(), "\n")
		for _, want := range []string{"unknown client", "malformed", "boom"} {
			if n := strings.Count(log.String(), want); n == 0 || n > 10 {
				t.Errorf("%q is logged %d times", want, n)
			}
		}
		if lines > 20 {
			t.Errorf("%d lines were logged", lines)
		}
	})
}

func TestLogSaysHowMuchItLeavesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		nas := start(t, &server.Server{Log: slog.New(slog.NewTextHandler(&log, nil)), Handler: always(2)})
		for range 25 {
			nas.SendBytes(nil)
		}
		time.Sleep(11 * time.Second)
		nas.SendBytes(nil)
		nas.stop()
		if !strings.Contains(log.String(), "omitted=20") {
			t.Errorf("the log does not say that 20 lines were left out:\n%s", &log)
		}
	})
}
