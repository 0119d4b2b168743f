package push

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// NewEnrolment makes a code with which one device can enrol as e says: 26 letters and digits,
// 130 bits (statement 9.1). A device has one code that is good: the next takes its place, so that
// whoever holds a device does not fill the store. A device that is not there or is suspended
// makes none: fs.ErrNotExist.
func (b *Broker) NewEnrolment(ctx context.Context, e Enrolment) (code string, err error) {
	code = rand.Text()
	e.ID = enrolmentKey(code)
	err = b.Enrolments.Update(ctx, e.ID, func(*Enrolment) (*Enrolment, error) { return &e, nil })
	if err == nil && e.By != "" {
		if err = b.invite(ctx, e.By, func(string) string { return e.ID }); err != nil {
			err = errors.Join(err, remove(ctx, b.Enrolments, e.ID))
		}
	}
	if err != nil {
		return "", fmt.Errorf("push: new enrolment: %w", err)
	}
	return code, nil
}

// invite changes what a device invites. One that is suspended invites nobody, and is
// fs.ErrNotExist too.
func (b *Broker) invite(ctx context.Context, id string, fn func(before string) string) error {
	suspended := false
	err := b.change(ctx, id, func(d *Device) *Device {
		if suspended = d.Suspended; !suspended {
			d.Invites = fn(d.Invites)
		}
		return d
	})
	if err == nil && suspended {
		err = fs.ErrNotExist
	}
	return err
}

// enrolmentKey forgives what typing and pasting do to a code.
func enrolmentKey(code string) string {
	sum := sha256.Sum256([]byte(strings.ToUpper(strings.TrimSpace(code))))
	return hex.EncodeToString(sum[:])
}

// Enrolment returns what a code is for and leaves it as it is. What Redeem does not take is
// fs.ErrNotExist here too.
func (b *Broker) Enrolment(ctx context.Context, code string) (Enrolment, error) {
	e, err := b.Enrolments.Get(ctx, enrolmentKey(code))
	if err == nil && !time.Now().Before(e.Expires) {
		err = fs.ErrNotExist
	}
	if err == nil && e.By != "" {
		var by Device
		if by, err = b.Device(ctx, e.By); err == nil && (by.Suspended || by.Invites != e.ID) {
			err = fs.ErrNotExist
		}
	}
	if err != nil {
		return Enrolment{}, fmt.Errorf("push: look up enrolment: %w", err)
	}
	return e, nil
}

// Redeem uses a code up and returns what it is for. A code that is unknown, used or expired is
// fs.ErrNotExist, and so is that of a device which has made another one since, has been removed or
// is suspended.
func (b *Broker) Redeem(ctx context.Context, code string) (Enrolment, error) {
	var e Enrolment
	err := b.Enrolments.Update(ctx, enrolmentKey(code), func(old *Enrolment) (*Enrolment, error) {
		e = Enrolment{}
		if old != nil {
			e = *old
		}
		return nil, nil
	})
	if err == nil && !time.Now().Before(e.Expires) { // one that is not there expired long ago
		err = fs.ErrNotExist
	}
	if err == nil && e.By != "" {
		invited := false
		err = b.invite(ctx, e.By, func(before string) string {
			if invited = before == e.ID; invited {
				return ""
			}
			return before
		})
		if err == nil && !invited {
			err = fs.ErrNotExist
		}
	}
	if err != nil {
		return Enrolment{}, fmt.Errorf("push: redeem enrolment: %w", err)
	}
	return e, nil
}
