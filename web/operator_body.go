package web

import (
	"context"
	"time"

	"radpush/login"
	"radpush/otp"
)

// What the operator API takes and returns.

// A User as operators see one.
type User struct {
	Name        string     `json:"name"`
	Created     time.Time  `json:"created"`
	Locked      bool       `json:"locked"`
	LockedUntil *time.Time `json:"locked_until,omitempty" doc:"Absent while an operator has to unlock."`
	Failures    int        `json:"failures" doc:"Wrong tries since the last success."`
	PIN         bool       `json:"pin" doc:"A PIN has to be typed in front of codes."`
	Phone       string     `json:"phone,omitempty" doc:"For codes by SMS."`
	Email       string     `json:"email,omitempty" doc:"For alerts, and for codes where email_codes says so."`
	EmailCodes  bool       `json:"email_codes"`
	Grid        bool       `json:"grid" doc:"A pattern on the grid is enrolled."`
	Backup      int        `json:"backup" doc:"Backup codes that are left."`
	Prefers     string     `json:"prefers,omitempty" doc:"sms, email or grid: what is used where push is not available."`
	Bell        string     `json:"bell,omitempty" doc:"ntfy or email: what wakes the user when a device asks only by itself."`
	Tokens      []Token    `json:"tokens" nullable:"false" doc:"OATH tokens, those of devices included."`
	Devices     []Device   `json:"devices" nullable:"false"`
}

// A UserChange changes what a user can be reached by. What is nil stays.
type UserChange struct {
	Phone      *string `json:"phone,omitempty" maxLength:"64" doc:"With country code; empty: none."`
	Email      *string `json:"email,omitempty" maxLength:"254" doc:"One bare address; empty: none."`
	EmailCodes *bool   `json:"email_codes,omitempty"`
	Prefers    *string `json:"prefers,omitempty" enum:"sms,email,grid,none" doc:"Where push is not available."`
}

// A PIN is what a user types in front of codes.
type PIN struct {
	PIN string `json:"pin" maxLength:"256" doc:"4 to 32 characters of ASCII."`
}

// BackupCodes are told once.
type BackupCodes struct {
	Codes []string `json:"codes" nullable:"false" doc:"Each is good once."`
}

// A Token as operators see one: without its secret.
type Token struct {
	ID          string     `json:"id" doc:"The serial number, of a token that has one."`
	User        string     `json:"user,omitempty" doc:"Whose it is. In the stock: for whom a move has claimed it that did not finish."`
	Kind        string     `json:"kind" enum:"totp,hotp"`
	Algorithm   string     `json:"algorithm"`
	Digits      int        `json:"digits"`
	Period      int        `json:"period,omitempty" doc:"TOTP: seconds."`
	Counter     *uint64    `json:"counter,omitempty" doc:"HOTP: the next one that is good."`
	Device      string     `json:"device,omitempty" doc:"The device that alone uses it."`
	Disabled    bool       `json:"disabled"`
	NeedsResync bool       `json:"needs_resync" doc:"Its newest code was in the outer window."`
	Used        *time.Time `json:"used,omitempty" doc:"TOTP: when the newest accepted code was good."`
}

// A TokenChange changes a token. What is nil stays.
type TokenChange struct {
	Disabled *bool `json:"disabled,omitempty"`
}

// Resync is two consecutive codes of a token.
type Resync struct {
	First  string `json:"first" minLength:"6" maxLength:"8"`
	Second string `json:"second" minLength:"6" maxLength:"8"`
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
	Valid int    `json:"valid" minimum:"60" maximum:"2592000" default:"86400" required:"false" doc:"Seconds that the code is good for."`
	Mail  bool   `json:"mail,omitempty" doc:"Mail the link to the user."`
	App   string `json:"app,omitempty" enum:"privacyidea" doc:"The app that is to enrol, if it is not radpush's own."`

	Replaces string `json:"replaces,omitempty" maxLength:"1024" doc:"The user's device that is removed when the new one has enrolled."`
}

// An Enrolment is a code with which the user enrols one device.
type Enrolment struct {
	Code    string    `json:"code"`
	Link    string    `json:"link" doc:"The same as a link: show it as a QR code."`
	Expires time.Time `json:"expires"`
	Mailed  string    `json:"mailed,omitempty" doc:"The address that the link was mailed to."`
}

// A TokenRequest describes a new token.
type TokenRequest struct {
	ID        string `json:"id,omitempty" maxLength:"255" doc:"Made up if absent."`
	Kind      string `json:"kind,omitempty" enum:"totp,hotp" default:"totp"`
	Algorithm string `json:"algorithm,omitempty" enum:"SHA1,SHA256,SHA512" default:"SHA1" doc:"What every authenticator app knows is SHA1."`
	Digits    int    `json:"digits,omitempty" enum:"6,8" default:"6"`
	Period    int    `json:"period,omitempty" enum:"30,60" default:"30" doc:"TOTP: seconds."`
	Counter   uint64 `json:"counter,omitempty" doc:"HOTP: the next one that is good."`
	Secret    string `json:"secret,omitempty" maxLength:"256" doc:"Base32, of a token that exists; made up if absent."`
}

// An ImportToken is a token that exists, which a file has brought.
type ImportToken struct {
	TokenRequest
	Drift int    `json:"drift,omitempty" doc:"TOTP: steps that its clock is ahead."`
	User  string `json:"user,omitempty" doc:"Whom it is for; absent: it goes into the stock."`
}

// An ImportRequest is a whole file: it is imported whole, or not at all.
type ImportRequest struct {
	Tokens      []ImportToken `json:"tokens" maxItems:"100000"`
	CreateUsers bool          `json:"create_users,omitempty" doc:"Those named that are not there."`
	DryRun      bool          `json:"dry_run,omitempty" doc:"Look for faults only."`
}

// Imported says what an import did, or would do.
type Imported struct {
	Given   int      `json:"given" doc:"Tokens that went to users."`
	Stocked int      `json:"stocked" doc:"Tokens that went into the stock."`
	Known   int      `json:"known" doc:"Tokens that were where they belong."`
	Created []string `json:"created" nullable:"false" doc:"Users."`
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
		PIN: u.PIN.Hash != "", Phone: u.Phone, Email: u.Email, EmailCodes: u.EmailCodes, Grid: u.Grid != nil, Backup: len(u.Backup),
		Prefers: string(u.Prefers), Bell: string(u.Bell.Kind), Tokens: make([]Token, len(u.Tokens)), Devices: []Device{}}
	if v.Locked && !u.Lock.Until.IsZero() {
		v.LockedUntil = &u.Lock.Until
	}
	for i, t := range u.Tokens {
		v.Tokens[i] = viewToken(u.Name, t)
	}
	devices, err := o.Devices.DevicesOf(ctx, login.UserKey(u.Name))
	for _, d := range devices {
		v.Devices = append(v.Devices, Device{ID: d.ID, User: d.User, Name: d.Name, Kind: d.Kind,
			Service: d.Address.Service, Gone: d.Address.Gone, Suspended: d.Suspended, Created: d.Created})
	}
	return v, err
}

// viewToken returns a token as operators see one.
func viewToken(user string, t otp.Token) Token {
	v := Token{ID: t.ID, User: user, Kind: "totp", Algorithm: t.Algorithm.String(), Digits: t.Digits,
		Period: int(t.Period / time.Second), Device: t.Device, Disabled: t.Disabled, NeedsResync: t.Next != 0}
	switch {
	case t.HOTP:
		v.Kind, v.Counter = "hotp", &t.Used
	case t.Used != 0:
		v.Used = new(time.Unix(int64(t.Used)*int64(t.Period/time.Second), 0).UTC())
	}
	return v
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
