package webpush_test

import (
	"net/http"
	"testing"
	"time"

	"radpush/push"
	"radpush/push/webpush"
)

// answers is a push service that takes every message, without a network.
type answers struct{}

func (answers) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusCreated, Body: http.NoBody, Request: r}, nil
}

// BenchmarkRing is what the server computes for one ring: check, encrypt, sign.
func BenchmarkRing(b *testing.B) {
	r := &webpush.Ringer{Keys: newKeys(b), Subject: "ops@example.com"}
	r.SetClient(&http.Client{Transport: answers{}})
	d := push.Device{Address: push.Address{Service: "webpush", Token: subscription("https://fcm.googleapis.com/x", p256dh, auth)}}
	c := challenge()
	c.Expires = time.Now().Add(time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Ring(b.Context(), d, c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRingOverLoopback adds TLS and HTTP/2 to a push service on this machine, which
// does its half of the work.
func BenchmarkRingOverLoopback(b *testing.B) {
	w, _ := loopback(b, "")
	c := challenge()
	c.Expires = time.Now().Add(time.Hour)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := w.Ring(b.Context(), w.device, c); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
