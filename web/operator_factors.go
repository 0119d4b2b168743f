package web

import (
	"context"
	"fmt"
	"net/http"

	"radpush/login"
	"radpush/otp/email"
	"radpush/otp/sms"
	"radpush/web/wire"
)

// What a user has besides devices and tokens: addresses, a PIN, backup codes.

func (o *Operator) changeUser(ctx context.Context, in *struct {
	User string `query:"user" required:"true" minLength:"1" maxLength:"253"`
	Body UserChange
}) (*body[User], error) {
	change := login.UserChange{EmailCodes: in.Body.EmailCodes}
	var err error
	if change.Phone, err = normal(in.Body.Phone, sms.Number); err != nil {
		return nil, wire.NewProblem(http.StatusUnprocessableEntity, err.Error())
	}
	if change.Email, err = normal(in.Body.Email, email.Address); err != nil {
		return nil, wire.NewProblem(http.StatusUnprocessableEntity, err.Error())
	}
	if p := in.Body.Prefers; p != nil {
		change.Prefers = new(login.NoMethod)
		if *p != "none" {
			change.Prefers = new(login.Method(*p))
		}
	}
	u, err := o.People.ChangeUser(ctx, in.User, change)
	if err != nil {
		return nil, aboutUser(in.User, err)
	}
	return reply(o.view(ctx, u))
}

// normal returns an address in its one form. None, and the empty one, stay as they are.
func normal(address *string, parse func(string) (string, error)) (*string, error) {
	if address == nil || *address == "" {
		return address, nil
	}
	s, err := parse(*address)
	return &s, err
}

func (o *Operator) setPIN(ctx context.Context, in *struct {
	User string `query:"user" required:"true" minLength:"1" maxLength:"253"`
	Body PIN
}) (*struct{}, error) {
	return nil, aboutUser(in.User, o.People.SetPIN(ctx, in.User, in.Body.PIN))
}

func (o *Operator) removePIN(ctx context.Context, in *byUser) (*struct{}, error) {
	return nil, about(fmt.Sprintf("PIN of user %q", in.User), o.People.RemovePIN(ctx, in.User))
}

func (o *Operator) newBackupCodes(ctx context.Context, in *byUser) (*body[BackupCodes], error) {
	codes, err := o.People.NewBackupCodes(ctx, in.User)
	if err != nil {
		return nil, aboutUser(in.User, err)
	}
	return reply(BackupCodes{codes}, nil)
}

func (o *Operator) removeBackupCodes(ctx context.Context, in *byUser) (*struct{}, error) {
	return nil, aboutUser(in.User, o.People.RemoveBackupCodes(ctx, in.User))
}
