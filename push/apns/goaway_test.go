package apns_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"sync"
	"testing"

	"golang.org/x/net/http2"
)

// Apple closes connections that have come of age by a GOAWAY frame that says which streams
// have been looked at, here none (RFC 9113, section 6.8).
func TestRinger_2_1_AConnectionThatGoesAwayLosesNothing(t *testing.T) {
	w := loopback(t)
	aged := httptest.NewTLSServer(nil)
	aged.Close() // its certificate is what is wanted
	w.RootCAs.AddCert(aged.Certificate())
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: aged.TLS.Certificates, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var served sync.WaitGroup
	served.Go(func() { goAway(t, l) })
	to := l.Addr().String()
	w.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		first := to
		to = address
		return new(net.Dialer).DialContext(ctx, network, first)
	}
	if _, err := w.ring(t, challenge()); err != nil || string(receive(t, w.phone).Payload) != rung {
		t.Error(err)
	}
	served.Wait()
}

// goAway accepts one connection and closes it as soon as a request has begun.
func goAway(t *testing.T, l net.Listener) {
	c, err := l.Accept()
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
		t.Error(err)
		return
	}
	framer := http2.NewFramer(c, c)
	if err := framer.WriteSettings(); err != nil {
		t.Error(err)
		return
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Error(err)
			return
		}
		if frame.Header().Type == http2.FrameHeaders {
			framer.WriteGoAway(0, http2.ErrCodeNo, []byte(`{"reason":"IdleTimeout"}`))
			io.Copy(io.Discard, c) // until the client closes it
			return
		}
	}
}
