package push

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// NewEnrolment makes a code with which one device can enrol for a user until expires: 26
// letters and digits, 130 bits (statement 9.1).
func (b *Broker) NewEnrolment(ctx context.Context, user string, expires time.Time) (code string, err error) {
	code = rand.Text()
	e := Enrolment{ID: enrolmentKey(code), User: user, Expires: expires}
	err = b.Enrolments.Update(ctx, e.ID, func(*Enrolment) (*Enrolment, error) { return &e, nil })
	if err != nil {
		return "", fmt.Errorf("push: new enrolment: %w", err)
	}
	return code, nil
}

// enrolmentKey forgives what typing and pasting do to a code.
func enrolmentKey(code string) string {
	sum := sha256.Sum256([]byte(strings.ToUpper(strings.TrimSpace(code))))
	return hex.EncodeToString(sum[:])
}

// Redeem uses a code up and returns the key of its user. A code that is unknown, used or
// expired is fs.ErrNotExist.
func (b *Broker) Redeem(ctx context.Context, code string) (user string, err error) {
	var e Enrolment
	err = b.Enrolments.Update(ctx, enrolmentKey(code), func(old *Enrolment) (*Enrolment, error) {
		e = Enrolment{}
		if old != nil {
			e = *old
		}
		return nil, nil
	})
	if err == nil && !time.Now().Before(e.Expires) { // one that is not there expired long ago
		err = fs.ErrNotExist
	}
	if err != nil {
		return "", fmt.Errorf("push: redeem enrolment: %w", err)
	}
	return e.User, nil
}
