package web_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"radpush/push"
	"radpush/push/pipush/pipushtest"
	"radpush/web"
	"radpush/web/wire"
)

// One answer through the handler, as when a device repeats itself: the request's
// signature, the answer's signature and an update of the challenge. Making the two
// signatures, which is the device's work, is measured apart.
func BenchmarkAnswer(b *testing.B) {
	w := newWorld(b)
	w.handler = web.Unlimited(w.server)
	d := w.raw(b, "alice")
	verdict := w.login(b, "alice")
	c := d.open(b)
	d.answer(b, c, push.DeniedMistake, "").result(b, push.Accepted)
	<-verdict
	b.ReportAllocs()
	for b.Loop() {
		d.answer(b, c, push.DeniedMistake, "").want(b, 200)
	}
}

// What a device does for one answer.
func BenchmarkSignAnswer(b *testing.B) {
	w := newWorld(b)
	d := w.raw(b, "alice")
	c := wire.Challenge{ID: "K3ZK2V4QYBX5TTQH6KEGV7L2DA", Shown: `{"user":"alice"}`}
	b.ReportAllocs()
	for b.Loop() {
		body := encode(b, d.answerBody(b, c, push.DeniedMistake, ""))
		d.sign(b, wire.NewStamp(d.id), request(b, "POST", wire.PathAnswer(c.ID), body))
	}
}

// A poll of an app whose signature is wrong, and one whose serial nobody has: what differs, a
// stranger can measure.
func BenchmarkRefusedPoll(b *testing.B) {
	w := newAppWorld(b)
	w.handler = web.Unlimited(w.server)
	app := w.app(b, "alice", 0)
	unknown := *app
	unknown.Serial = "RADPUSHAAAAAAAAAAAAAAAAAAAA"
	for name, p := range map[string]*pipushtest.Phone{"known": app, "unknown": &unknown} {
		b.Run(name, func(b *testing.B) {
			wrong := p.Sign("wrong")
			b.ReportAllocs()
			for b.Loop() {
				_, err := p.PollWith(b.Context(), time.Now().UTC().Format(dartTime), wrong)
				turnedAway(b, err)
			}
		})
	}
}

// watched counts the polls that have begun to wait.
type watched struct {
	web.Push
	n atomic.Int64
}

func (w *watched) Watch(ctx context.Context, user string) <-chan struct{} {
	defer w.n.Add(1)
	return w.Push.Watch(ctx, user)
}

// The memory that a device costs while it waits for a change, over TLS: of the server and,
// unavoidably in one process, of a client that is no more than its TLS connection.
func BenchmarkIdlePoll(b *testing.B) {
	const devices = 200
	w := newWorld(b)
	waiting := &watched{Push: w.broker}
	w.server.Push = waiting
	w.listen(b)
	w.handler = web.Unlimited(w.server)
	polls := make([]*raw, devices)
	for i := range polls {
		user := fmt.Sprintf("user%d", i)
		if _, err := w.engine.AddUser(b.Context(), user); err != nil {
			b.Fatal(err)
		}
		polls[i] = w.raw(b, user)
	}
	etag := polls[0].send(b, "GET", wire.PathChallenges, nil).want(b, 200).header.Get("ETag")
	used := func() float64 {
		debug.FreeOSMemory() // stacks that are not used any more too
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc + m.StackInuse)
	}
	address := strings.TrimPrefix(w.operator.URL, "https://")
	before := used() // there is nothing to repeat: they wait once, at once
	conns := make([]*tls.Conn, devices)
	for i, d := range polls {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		conns[i] = conn
		r := d.sign(b, wire.NewStamp(d.id), request(b, "GET", wire.PathChallenges, nil))
		r.Header.Set("If-None-Match", etag)
		r.Header.Set("Prefer", "wait=60")
		if err := r.Write(conn); err != nil {
			b.Fatal(err)
		}
	}
	for waiting.n.Load() < devices {
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric((used()-before)/devices, "B/poll")
	w.login(b, "user0") // wakes one, which shows that they were served
	resp, err := http.ReadResponse(bufio.NewReader(conns[0]), nil)
	if err != nil || resp.StatusCode != 200 {
		b.Fatal(resp, err)
	}
}
