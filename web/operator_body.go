package web

import (
	"context"
	"time"

	"radpush/login"
)

// What the operator API takes and returns.

// A User as operators see one.
type User struct {
	Name        string     `json:"name"`
	Created     time.Time  `json:"created"`
	Locked      bool       `json:"locked"`
	LockedUntil *time.Time `json:"locked_until,omitempty" doc:"Absent while an operator has to unlock."`
	Failures    int        `json:"failures" doc:"Wrong tries since the last success."`
	Tokens      []Token    `json:"tokens" nullable:"false" doc:"OATH tokens, those of devices included."`
	Devices     []Device   `json:"devices" nullable:"false"`
}

// A Token as operators see one: without its secret.
type Token struct {
	ID        string     `json:"id"`
	Algorithm string     `json:"algorithm"`
	Digits    int        `json:"digits"`
	Period    int        `json:"period" doc:"Seconds."`
	Device    string     `json:"device,omitempty" doc:"The device that alone uses it."`
	Used      *time.Time `json:"used,omitempty" doc:"When the newest accepted code was good."`
}

// A Device as operators see one.
type Device struct {
	ID        string    `json:"id"`
	User      string    `json:"user"`
	Name      string    `json:"name"`
	Kind      string    `json:"kind"`
	Service   string    `json:"service,omitempty" doc:"The push service that rings it."`
	Gone      bool      `json:"gone" doc:"The push service does not know its address any more."`
	Suspended bool      `json:"suspended"`
	Created   time.Time `json:"created"`
}

// A DeviceChange changes a device. What is nil stays.
type DeviceChange struct {
	Name      *string `json:"name,omitempty" minLength:"1" maxLength:"64"`
	Suspended *bool   `json:"suspended,omitempty"`
}

// An EnrolmentRequest asks for a code.
type EnrolmentRequest struct {
	Valid int `json:"valid" minimum:"60" maximum:"2592000" default:"86400" required:"false" doc:"Seconds that the code is good for."`
}

// An Enrolment is a code with which the user enrols one device.
type Enrolment struct {
	Code    string    `json:"code"`
	Link    string    `json:"link" doc:"The same as a link: show it as a QR code."`
	Expires time.Time `json:"expires"`
}

// A TokenRequest describes a new TOTP token.
type TokenRequest struct {
	ID        string `json:"id,omitempty" maxLength:"64" doc:"Made up if absent."`
	Algorithm string `json:"algorithm,omitempty" enum:"SHA1,SHA256,SHA512" default:"SHA1" doc:"What every authenticator app knows is SHA1."`
	Digits    int    `json:"digits,omitempty" enum:"6,8" default:"6"`
	Period    int    `json:"period,omitempty" enum:"30,60" default:"30" doc:"Seconds."`
	Secret    string `json:"secret,omitempty" maxLength:"256" doc:"Base32, of a token that exists; made up if absent."`
}

// A NewToken is told once.
type NewToken struct {
	ID  string `json:"id"`
	URL string `json:"url" doc:"otpauth:// with the secret: show it as a QR code, once."`
}

// Activity is a row of the activity record.
type Activity struct {
	Time      time.Time `json:"time"`
	User      string    `json:"user"`
	Client    string    `json:"client,omitempty"`
	Method    string    `json:"method,omitempty"`
	Result    string    `json:"result"`
	Reason    string    `json:"reason,omitempty"`
	Message   string    `json:"message,omitempty" doc:"What the user read."`
	Protocol  string    `json:"protocol,omitempty"`
	NAS       string    `json:"nas,omitempty"`
	Station   string    `json:"station,omitempty"`
	From      string    `json:"from,omitempty" doc:"The user's address."`
	Challenge string    `json:"challenge,omitempty"`
	Shown     string    `json:"shown,omitempty" doc:"What the device showed: the text of a JSON object."`
	Device    string    `json:"device,omitempty"`
	Took      float64   `json:"took,omitempty" doc:"Seconds from the request to the verdict."`
	Repeats   int       `json:"repeats,omitempty" doc:"Rows like this one that it stands for."`
	Session   string    `json:"session,omitempty"`
}

// view returns a user as operators see one, with all devices.
func (o *Operator) view(ctx context.Context, u login.User) (User, error) {
	v := User{Name: u.Name, Created: time.Unix(u.Added, 0).UTC(), Locked: u.Lock.Holds(time.Now()), Failures: u.Failures,
		Tokens: make([]Token, len(u.Tokens)), Devices: []Device{}}
	if v.Locked && !u.Lock.Until.IsZero() {
		v.LockedUntil = &u.Lock.Until
	}
	for i, t := range u.Tokens {
		v.Tokens[i] = Token{ID: t.ID, Algorithm: t.Algorithm.String(), Digits: t.Digits,
			Period: int(t.Period / time.Second), Device: t.Device}
		if t.Used != 0 {
			v.Tokens[i].Used = new(time.Unix(int64(t.Used)*int64(t.Period/time.Second), 0).UTC())
		}
	}
	devices, err := o.Devices.DevicesOf(ctx, login.UserKey(u.Name))
	for _, d := range devices {
		v.Devices = append(v.Devices, Device{ID: d.ID, User: d.User, Name: d.Name, Kind: d.Kind,
			Service: d.Address.Service, Gone: d.Address.Gone, Suspended: d.Suspended, Created: d.Created})
	}
	return v, err
}

// viewRow returns a row as operators see it.
func viewRow(r login.Row) Activity {
	a := Activity{Time: r.Time, User: r.User, Client: r.Client, Method: string(r.Method), Result: string(r.Result),
		Reason: string(r.Reason), Message: r.Message, Protocol: r.Protocol, NAS: r.NAS, Station: r.Station,
		Challenge: r.Challenge, Shown: r.Shown, Device: r.Device, Took: r.Took.Seconds(), Repeats: r.Repeats, Session: r.Session}
	if r.From.IsValid() {
		a.From = r.From.String()
	}
	return a
}
