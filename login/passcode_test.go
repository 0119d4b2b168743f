package login_test

// text is a passcode that the server can read, as PAP brings it.
type text string

func (p text) Equal(c string) bool  { return string(p) == c }
func (p text) Text() (string, bool) { return string(p), true }

// opaque is a passcode that can only be compared, as CHAP and MS-CHAPv2 bring it.
type opaque string

func (p opaque) Equal(c string) bool  { return string(p) == c }
func (p opaque) Text() (string, bool) { return "", false }
