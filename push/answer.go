package push

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Check returns the challenge and the device of an answer if the signature is the
// device's and the device may answer for the user. ErrUnauthentic is all that is said
// otherwise. It does not look whether the challenge is still open: Decide does.
//
// A device whose address is gone may answer: it asks for itself, its key is good.
func (b *Broker) Check(ctx context.Context, a Answer) (Challenge, Device, error) {
	d, err := b.Device(ctx, a.Device)
	var c Challenge
	if err == nil {
		c, err = get(ctx, b.Challenges, a.Challenge)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Challenge{}, Device{}, ErrUnauthentic
	case err != nil:
		return Challenge{}, Device{}, fmt.Errorf("push: check answer: %w", err)
	case d.Suspended, d.User != c.User, !a.Decision.decides(), !d.signed(&c, &a):
		return Challenge{}, Device{}, ErrUnauthentic
	}
	return c, d, nil
}

// decides reports whether an outcome is one that a device can choose.
func (o Outcome) decides() bool {
	return o == Approved || o == DeniedNotMe || o == DeniedMistake
}

// Decide ends a challenge by an answer that has been checked, its OTP too. The first
// wins and is Accepted. The same decision of the same device once more is told the same
// again: the device did not hear us. Any other is Already, and one after the end
// without an answer is TooLate. An approval with an OTP out of step ends the challenge too,
// as OutOfStep, and one with another number than the login shows as Mismatch: they are told
// OuterWindow and WrongNumber. The other devices are withdrawn.
func (b *Broker) Decide(ctx context.Context, a Answer) (Result, error) {
	if !a.Decision.decides() {
		return "", fmt.Errorf("push: decide: %v is no answer", a.Decision)
	}
	if a.At.IsZero() {
		a.At = time.Now()
	}
	a.OTP = ""
	var result Result
	var decided Challenge
	err := b.Challenges.Update(ctx, a.Challenge, func(c *Challenge) (*Challenge, error) {
		now := time.Now()
		if now.Before(a.At) {
			now = a.At // a clock that was set back does not reopen a challenge
		}
		switch {
		case c == nil, c.Answer == nil && c.At(now) != Open:
			result = TooLate
		case c.Answer == nil:
			c.Outcome, c.Ended, c.Answer = c.outcome(&a), a.At, &a
			result, decided = c.told(), *c
			return c, nil
		case c.Answer.Device == a.Device && c.Answer.Decision == a.Decision && c.Answer.Number == a.Number:
			result = c.told()
		default:
			result = Already
		}
		return nil, errKeep
	})
	switch {
	case err == errKeep:
		return result, nil
	case err != nil:
		return "", fmt.Errorf("push: decide: %w", err)
	}
	b.withdraw(ctx, decided)
	return result, nil
}

// outcome returns how an answer ends the challenge.
func (c *Challenge) outcome(a *Answer) Outcome {
	switch {
	case a.Decision != Approved:
	case a.Number != c.Number:
		return Mismatch
	case a.OutOfStep:
		return OutOfStep
	}
	return a.Decision
}

// told returns what the device hears whose answer has ended the challenge.
func (c *Challenge) told() Result {
	switch c.Outcome {
	case OutOfStep:
		return OuterWindow
	case Mismatch:
		return WrongNumber
	}
	return Accepted
}
