package web_test

import (
	"testing"
	"testing/synctest"
	"time"

	"radpush/push"
	"radpush/web"
	"radpush/web/wire"
)

// polling starts a poll in the background and waits until it waits.
func (d *raw) polling(t *testing.T, etag string, wait int) <-chan got {
	t.Helper()
	answer := make(chan got, 1)
	go func() { answer <- d.poll(t, etag, wait) }()
	synctest.Wait()
	return answer
}

// A poll answers when a challenge begins, when it is answered elsewhere and when its time
// is over; if nothing happens, when it has waited as long as it wanted to.
func TestPollWakesWhenSomethingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		d, other := w.raw(t, "alice"), w.raw(t, "alice")
		list := func(g got) (challenges []wire.Challenge, etag string) {
			var out wire.Challenges
			g.want(t, 200).decode(t, &out)
			return out.Challenges, g.header.Get("ETag")
		}
		challenges, etag := list(d.send(t, "GET", wire.PathChallenges, nil))
		if len(challenges) != 0 {
			t.Fatalf("asked already: %+v", challenges)
		}

		began := time.Now()
		still := d.poll(t, etag, 45).want(t, 304)
		if waited := time.Since(began); waited != 45*time.Second || still.header.Get("ETag") != etag ||
			still.header.Get("Preference-Applied") != "wait=45" || still.body != "" {
			t.Errorf("nothing changed: after %v: %v %q", waited, still.header, still.body)
		}
		began = time.Now()
		d.poll(t, etag, 3600).want(t, 304)
		if waited := time.Since(began); waited != wire.MaxWait {
			t.Errorf("waited %v", waited)
		}

		answer := d.polling(t, etag, 60)
		began = time.Now()
		w.login(t, "alice")
		challenges, etag = list(<-answer)
		if len(challenges) != 1 || time.Since(began) != 0 {
			t.Fatalf("after %v: %+v", time.Since(began), challenges)
		}
		answer = d.polling(t, etag, 60)
		other.answer(t, challenges[0], push.DeniedMistake, "").result(t, push.Accepted)
		challenges, etag = list(<-answer)
		if len(challenges) != 0 || time.Since(began) != 0 {
			t.Fatalf("answered elsewhere: after %v: %+v", time.Since(began), challenges)
		}

		answer = d.polling(t, etag, 60)
		w.login(t, "alice")
		_, etag = list(<-answer)
		challenges, _ = list(d.poll(t, etag, 60)) // nobody answers
		if len(challenges) != 0 || time.Since(began) != 30*time.Second {
			t.Fatalf("expired: after %v: %+v", time.Since(began), challenges)
		}
	})
}

func TestPollWithoutWaitAnswersAtOnce(t *testing.T) {
	w := newWorld(t)
	d := w.raw(t, "alice")
	etag := d.send(t, "GET", wire.PathChallenges, nil).want(t, 200).header.Get("ETag")
	d.poll(t, etag, 0).want(t, 304)
	d.poll(t, "W/"+etag, 0).want(t, 304) // as a proxy may have made it (RFC 9110, section 8.8.3.2)
	for _, prefer := range []string{"", "respond-async", "wait=x", "wait=-1", "wait"} {
		r := request(t, "GET", wire.PathChallenges, nil)
		r.Header.Set("If-None-Match", etag)
		r.Header.Set("Prefer", prefer)
		do(t, d.transport, d.sign(t, wire.NewStamp(d.id), r)).want(t, 304)
	}
	// A set that the device does not know is told without waiting.
	d.poll(t, `"other"`, 60).want(t, 200)
}

// A device waits once, and the newest poll counts; all devices together wait as often as
// there is room for.
func TestPollsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server.MaxPolls = 2
		w.handler = w.server.Handler()
		a, b, c := w.raw(t, "alice"), w.raw(t, "bob"), w.raw(t, "bob")
		etag := a.send(t, "GET", wire.PathChallenges, nil).header.Get("ETag")

		first := a.polling(t, etag, 30)
		second := a.polling(t, etag, 60)
		(<-first).problem(t, 409, wire.Replaced)
		third := b.polling(t, etag, 60)

		began := time.Now()
		if full := c.poll(t, etag, 60).want(t, 304); full.header.Get("Preference-Applied") != "" || time.Since(began) != 0 {
			t.Errorf("without room: after %v: %v", time.Since(began), full.header)
		}
		(<-second).want(t, 304)
		(<-third).want(t, 304)
		began = time.Now()
		c.poll(t, etag, 60).want(t, 304)
		if time.Since(began) != time.Minute {
			t.Error("the room of polls that ended is not free again")
		}
	})
}

// A device that is suspended while it waits is told so as soon as something happens.
func TestPollOfASuspendedDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		d, other := w.raw(t, "alice"), w.raw(t, "alice")
		etag := d.send(t, "GET", wire.PathChallenges, nil).header.Get("ETag")
		answer := d.polling(t, etag, 60)
		devices, err := w.client().ListDevices(t.Context(), "alice")
		if err != nil || len(devices) != 2 {
			t.Fatal(devices, err)
		}
		for _, device := range devices {
			if device.ID == decode(t, d.id) {
				err = w.client().ChangeDevice(t.Context(), device.ID, web.DeviceChange{Suspended: new(true)})
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		verdict := w.login(t, "alice")
		(<-answer).problem(t, 401, wire.NotAuthentic)
		other.answer(t, other.open(t), push.DeniedMistake, "").result(t, push.Accepted)
		<-verdict
	})
}
