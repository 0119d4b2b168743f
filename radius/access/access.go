// Package access turns an Access-Request into a login attempt and the verdict into an
// Access-Accept, Access-Reject or Access-Challenge.
//
// It alone knows both sides: the attributes of RFC 2865 and RFC 2548, and package
// login. A passcode comes as PAP, CHAP or MS-CHAPv2; the engine sees a
// [login.Passcode] and does not know which. With MS-CHAPv2 the text that matched is
// kept, because MS-CHAP2-Success and the MPPE keys are made from it.
package access
