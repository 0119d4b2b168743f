package login_test

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"radpush/login"
)

func TestActivity_6_4_EveryLoginIsARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		tok := h.typedToken(t)
		for _, v := range []struct {
			a      login.Attempt
			reason login.Reason
		}{
			{attempt(tok.Code(tok.Step(time.Now()))), login.CodeAccepted},
			{attempt(tok.Code(tok.Step(time.Now()))), login.ReplayedCode},
			{attempt("123"), login.WrongPasscode},
			{attempt(""), login.NothingEnrolled},
			{login.Attempt{User: "nobody", Client: "vpn", Passcode: text("123456"), Received: time.Now()}, login.UnknownUser},
			{login.Attempt{User: "nob\xffdy", Client: "vpn", Passcode: text(""), Received: time.Now()}, login.UnknownUser},
			{login.Attempt{User: "alice", Client: "vpn", State: "old", Passcode: text("1"), Received: time.Now()}, login.UnknownState},
		} {
			time.Sleep(time.Millisecond)
			got := h.begin(t, v.a).end(t)
			rows := h.rows(t)
			if r := rows[len(rows)-1]; r.Reason != v.reason || got.Reason != v.reason || r.Client != "vpn" {
				t.Errorf("want a row %q, have %+v", v.reason, r)
			}
		}
		// What a stranger reads does not tell unknown from wrong (statement 7.3).
		a, b := attempt("123456"), attempt("123456")
		b.User = "nobody"
		if v, w := h.begin(t, a).end(t), h.begin(t, b).end(t); v.Message != w.Message || v.Retry != w.Retry {
			t.Errorf("wrong %q, unknown %q", v.Message, w.Message)
		}
	})
}

func TestActivity_6_6_RepeatsAreFolded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { h.Activity.Serve(ctx) })
		for range 5000 {
			a := attempt("guess")
			a.User = "nobody"
			h.begin(t, a).end(t)
		}
		for i := range 5000 { // and as many names
			a := attempt("guess")
			a.User = "nobody" + string(rune('a'+i%26)) + rand.Text()
			h.begin(t, a).end(t)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		stop()
		wg.Wait()
		told := 0
		rows := h.rows(t)
		for _, r := range rows {
			told += 1 + r.Repeats
		}
		if told != 10000 || len(rows) > 60 {
			t.Errorf("%d rows tell of %d tries", len(rows), told)
		}
	})
}

// Whoever makes names up without end does not hide what is tried with those that there are.
func TestActivity_6_6_MadeUpNamesHideNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.AddUser(t.Context(), "bob")
		try := func(user string) {
			a := at("guess", "no such State")
			a.User = user
			h.login(t, a)
		}
		for range 100 {
			try(rand.Text())
		}
		for range 10 {
			try("bob")
		}
		try("alice")
		if rows := h.rows(t); !slices.ContainsFunc(rows, func(r login.Row) bool { return r.User == "alice" }) {
			t.Error("no row tells of alice")
		}
	})
}

func TestActivity_6_6_WhatIsFoldedWaitsUntilTheStoreCanBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		var full atomic.Bool
		h.disk.Fail = func(string) error {
			if full.Load() {
				return errDisk
			}
			return nil
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.Activity.Serve(ctx) }()
		for range 10 {
			a := attempt("guess")
			a.User = "nobody"
			h.begin(t, a).end(t)
		}
		full.Store(true)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if len(ended) > 0 {
			t.Fatalf("Serve, and the server with it, ended: %v", <-ended)
		}
		full.Store(false)
		time.Sleep(time.Minute)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		told := 0
		for _, r := range h.rows(t) {
			told += 1 + r.Repeats
		}
		if told != 10 {
			t.Errorf("the rows tell of %d tries", told)
		}
	})
}
