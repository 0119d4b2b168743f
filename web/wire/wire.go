// Package wire is what devices and the server agree on byte for byte: the bodies of the
// device API, the signature of a request, the enrolment link. The server (package web)
// and the terminal authenticator (package web/phone) share it; whoever writes another
// authenticator finds here all that is signed.
//
// # How a request is signed
//
// Every request after enrolment has a header
//
//	Authorization: Radpush-ES256 device.time.nonce.signature
//
// with the device's id as enrolment returned it, the time in milliseconds since 1970
// (UTC), 16 to 64 random characters of the base64url alphabet, and the signature in
// base64url without padding (RFC 4648, section 5). What is signed is seven lines of text,
// each but the last ended by one line feed:
//
//	radpush request v1
//	POST
//	/device/v1/challenges/K3ZK2V4QYBX5TTQH6KEGV7L2DA/answer
//	<SHA-256 of the body, which may be empty, in base64url>
//	<device>
//	<time>
//	<nonce>
//
// The third line is path and query as they stand in the request, behind the base URL of
// the enrolment link. The signature is ES256 as in RFC 7518, section 3.4: ECDSA on P-256
// over the SHA-256 of the text; r and s, 32 octets each, one after the other, which is
// what WebCrypto returns. The server refuses a time that is more than [Skew] off, and a
// nonce that it has seen from this device.
//
// # How an answer is signed
//
// The signature in the body of an answer is of the same form, over the bytes that
// push.Statement returns: it covers the challenge, the decision and the SHA-256 of what
// was shown, and is kept with the challenge as proof.
//
// # How content is sealed
//
// A notification by APNs or FCM carries the challenge's id. If the app has given a sealing key
// with its address ([Address]), and the operator allows it, it carries "sealed" too, in base64
// with padding (RFC 4648, section 4): a [Challenge] as the list of open challenges has it,
// which the app can show, and answer, without asking the server first. It is sealed by HPKE
// (RFC 9180), once for each notification:
//
//	mode   base                         (0x00)
//	KEM    DHKEM(P-256, HKDF-SHA256)    (0x0010)
//	KDF    HKDF-SHA256                  (0x0001)
//	AEAD   AES-256-GCM                  (0x0002)
//	info   radpush notification v1, a line feed, the device's id as enrolment returned it
//	aad    empty
//	text   the JSON of the challenge, with spaces at its end up to a multiple of 1,024 octets
//
// The octets of sealed are enc, the encapsulated key, which is an uncompressed point of 65
// octets, and then the ciphertext, the first of its context, with the tag of 16 octets at
// its end. [Unseal] is all of an app's side; testdata/sealed.json has a key and a seal that it
// opens. The suite is the one of P-256 in Apple's CryptoKit (P256_SHA256_AES_GCM_256, since
// iOS 17), and Tink and Bouncy Castle have it for Android. P-256, because the private key can
// then be made, and stay, in a Secure Enclave or an Android Keystore. All is bound by info and
// nothing by aad, because Tink's HybridDecrypt takes no more than that.
//
// Where a notification would have more than the 4,096 octets that push services take, sealed is
// left out; nothing is ever sent in the clear in its place. Then, and when it cannot be opened,
// the app asks for the open challenges. An app that keeps what it shows behind a PIN keeps this
// there, too.
//
// Base mode proves no sender: who knows the public key can seal what he likes. That deceives
// nobody into letting a stranger in, because the signature of an answer covers what was
// shown, and the server compares it with what it has sent. But an id that is not of letters,
// digits, - and _ alone has no place in the path of an answer.
package wire

import "time"

// Paths of the device API, behind the base URL.
const (
	Prefix         = "/device/v1/"
	PathEnrol      = Prefix + "enrol"
	PathChallenges = Prefix + "challenges"
	PathAddress    = Prefix + "address"
	PathDevice     = Prefix + "device"
	PathDevices    = Prefix + "devices"
	PathInvite     = Prefix + "invitation"
)

// PathAnswer returns the path that takes the answer to a challenge.
func PathAnswer(challenge string) string { return PathChallenges + "/" + challenge + "/answer" }

// PathDeviceOf returns the path of one of the user's devices.
func PathDeviceOf(id string) string { return PathDevices + "/" + id }

// MaxBody is the length of the longest body that the server reads, in octets.
const MaxBody = 64 << 10

// MaxWait is how long the server lets a device wait for a change, at most.
const MaxWait = 60 * time.Second

// An Enrolment asks to become a device.
type Enrolment struct {
	Code    string   `json:"code" minLength:"1" maxLength:"128" doc:"The code of the enrolment link; good once."`
	Key     []byte   `json:"key" maxLength:"1024" doc:"The device's public key, made by the device for this server alone: ECDSA on P-256, DER SubjectPublicKeyInfo, in base64 with padding."`
	Name    string   `json:"name" maxLength:"64" doc:"What the user calls the device."`
	Kind    string   `json:"kind" enum:"terminal,page,native" doc:"What kind of device it is."`
	Address *Address `json:"address,omitempty" doc:"How to ring the device; absent for one that only asks."`
}

// An Address is where a push service reaches a device.
type Address struct {
	Service string `json:"service" enum:"apns,fcm,webpush" doc:"The push service."`
	Token   string `json:"token" minLength:"1" maxLength:"4096" doc:"The device's address, in the push service's own form."`

	SealingKey []byte `json:"sealing_key,omitempty" maxLength:"1024" doc:"With apns and fcm: the public key that the content of notifications is sealed to, if the operator allows it; made by the device for nothing else. P-256, DER SubjectPublicKeyInfo, in base64 with padding. Absent: they carry no content."`
}

// Enrolled is what a new device is told, once.
type Enrolled struct {
	Device       string `json:"device" doc:"The device's id, for the Authorization header."`
	User         string `json:"user" doc:"The user that the device now speaks for."`
	Organization string `json:"organization" doc:"Who asks, to be shown beside the user."`
	PIN          bool   `json:"pin" doc:"The operator demands that the device asks the user for a PIN or a biometric before it shows or answers a request."`
	OTP          OTP    `json:"otp" doc:"The secret of the one-time passwords that go with every approval. It belongs to this device alone and is not told again."`
}

// OTP are the parameters of a TOTP (RFC 6238).
type OTP struct {
	Secret    string `json:"secret" doc:"Base32 (RFC 4648, section 6) without padding."`
	Algorithm string `json:"algorithm" enum:"SHA1,SHA256,SHA512" doc:"The hash of the HMAC."`
	Digits    int    `json:"digits" doc:"How many digits a code has."`
	Period    int    `json:"period" doc:"How long a step is, in seconds."`
}

// Challenges are the questions that a device may answer now.
type Challenges struct {
	Challenges []Challenge `json:"challenges" nullable:"false" doc:"The open challenges, oldest first."`
}

// A Challenge is one question.
type Challenge struct {
	ID      string    `json:"id" doc:"Names the challenge in the path of the answer and in what is signed."`
	Shown   string    `json:"shown" doc:"What to show the user: the text of a JSON object with resource, organization, user, started, ip and location, of which organization, ip and location may be absent. With number matching it has numbers, too: three texts, one of which the user sees where the login began; ask for that one instead of a plain approval. The answer signs the SHA-256 of exactly this text in UTF-8."`
	Expires time.Time `json:"expires" doc:"An answer must arrive before this."`
}

// An Answer is the user's decision.
type Answer struct {
	Decision  string `json:"decision" enum:"approve,deny" doc:"What the user decided."`
	Reason    string `json:"reason,omitempty" enum:"not-me,mistake" doc:"Why the user denied; required with deny."`
	OTP       string `json:"otp,omitempty" pattern:"^[0-9]{6,8}$" doc:"A one-time password that the device made now and has not sent for another challenge; required with approve."`
	Number    string `json:"number,omitempty" pattern:"^[0-9]{2}$" doc:"The one of the numbers that the user chose; required with approve where there are numbers."`
	Signature string `json:"signature" minLength:"86" maxLength:"86" doc:"ES256 signature of the decision, in base64url without padding, over: the line 'radpush answer v1', a line with the challenge's id, a line that is 'approve', 'approve NN' with the chosen number, 'deny not-me' or 'deny mistake', each ended by one line feed, and the 32 octets of the SHA-256 of what was shown."`
}

// Answered says what became of an answer.
type Answered struct {
	Result string `json:"result" enum:"accepted,wrong-otp,wrong-number,outer-window,expired,already-answered,refused" doc:"accepted: it counts. wrong-number: not the number that the login shows; the login is rejected. wrong-otp: not the right one-time password, try again. outer-window: the device's clock is off; the login has asked for the next one-time password to be typed. expired: too late. already-answered: another answer came first. refused: the account is locked."`
	Text   string `json:"text" doc:"The same for the user."`
}
