package wire

import "time"

// Devices are those of the user of the device that asks.
type Devices struct {
	Devices     []Device `json:"devices" nullable:"false" doc:"All of them, in the order in which they were enrolled."`
	SelfService bool     `json:"self_service" doc:"This device may add, replace and remove others. Each may be renamed, and may remove itself, anyway."`
}

// A Device is one of them.
type Device struct {
	ID        string    `json:"id" doc:"Names the device in a path, and in replaces."`
	Name      string    `json:"name" doc:"What the user calls it."`
	Kind      string    `json:"kind" enum:"terminal,page,native,pipush" doc:"What kind of device it is; pipush is a privacyIDEA Authenticator."`
	Created   time.Time `json:"created" doc:"When it enrolled."`
	This      bool      `json:"this" doc:"It is the device that asks."`
	Suspended bool      `json:"suspended" doc:"An operator has suspended it: it is not rung and cannot answer."`
	Gone      bool      `json:"gone" doc:"Its push service cannot reach it any more. It may ask by itself."`
}

// A Rename gives a device another name.
type Rename struct {
	Name string `json:"name" minLength:"1" maxLength:"64" doc:"What the user calls it from now on."`
}

// An InvitationRequest asks for a code with which another device of the same user can enrol.
type InvitationRequest struct {
	Replaces string `json:"replaces,omitempty" maxLength:"1024" doc:"The id of a device that is removed when the new one has enrolled; absent: none is."`
}

// An Invitation is such a code. The device's next one makes it worthless, and so does its end.
type Invitation struct {
	Link    string    `json:"link" doc:"The enrolment link: whoever opens it first has a device of the user. Good once."`
	Expires time.Time `json:"expires" doc:"The new device has to enrol before this."`
	QR      QR        `json:"qr" doc:"The same as a QR code."`
}

// A QR is a QR code as one path of an SVG image, dark on light.
type QR struct {
	Size int    `json:"size" doc:"Width and height of the image, its light margin included: the viewBox is 0 0 size size."`
	Path string `json:"path" doc:"The dark modules: the d attribute of a path."`
}
