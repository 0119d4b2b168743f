package access

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"radpush/dictionary"
	"radpush/login"
	"radpush/radius"
)

// An engine decides as the test says.
type engine func(login.Attempt) (login.Verdict, error)

func (e engine) Begin(_ context.Context, a login.Attempt) (login.Verdict, *login.Held, error) {
	v, err := e(a)
	return v, nil, err
}

// password is an engine that accepts one password of everybody.
func password(want string) engine {
	return func(a login.Attempt) (login.Verdict, error) {
		if a.Passcode.Equal(want) {
			return login.Verdict{Outcome: login.Accept, Reason: login.CodeAccepted}, nil
		}
		return login.Verdict{Reason: login.WrongPasscode, Message: "No.", Retry: true}, nil
	}
}

// notReached is an engine for requests that must not reach it.
func notReached(t *testing.T) engine {
	return func(login.Attempt) (login.Verdict, error) {
		t.Error("the engine was asked")
		return login.Verdict{Outcome: login.Accept}, nil
	}
}

// A journal keeps rows, or fails.
type journal struct {
	rows []login.Row
	err  error
}

func (j *journal) Append(_ context.Context, r login.Row) error {
	j.rows = append(j.rows, r)
	return j.err
}

var (
	secret   = []byte("xyzzy5461")
	received = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func newHandler(e Engine) (*Handler, *journal) {
	j := new(journal)
	clients := map[string]login.Client{"vpn": {Name: "vpn", Challenge: true}}
	return &Handler{Engine: e, Clients: clients, Activity: j, Log: slog.New(slog.DiscardHandler)}, j
}

// request is an Access-Request of user nemo with these attributes.
func request(attrs ...*layeh.AVP) *radius.Request {
	return requestOf(append([]*layeh.AVP{avp(rfc2865.UserName_Type, "nemo")}, attrs...)...)
}

// requestOf is an Access-Request with these attributes and no other.
func requestOf(attrs ...*layeh.AVP) *radius.Request {
	return &radius.Request{
		Packet: &layeh.Packet{
			Code: layeh.CodeAccessRequest, Identifier: 7, Secret: secret,
			Authenticator: [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
			Attributes:    attrs,
		},
		Client:   radius.Client{Name: "vpn", Secret: secret},
		Peer:     netip.MustParseAddrPort("198.51.100.7:4000"),
		Received: received,
	}
}

func avp[T string | []byte](typ layeh.Type, value T) *layeh.AVP {
	return &layeh.AVP{Type: typ, Attribute: layeh.Attribute(value)}
}

// vsa is an attribute of a vendor with type and length in an octet each.
func vsa[T string | []byte](vendor uint32, typ byte, value T) *layeh.AVP {
	a := append([]byte{byte(vendor >> 24), byte(vendor >> 16), byte(vendor >> 8), byte(vendor), typ, byte(2 + len(value))}, value...)
	return &layeh.AVP{Type: rfc2865.VendorSpecific_Type, Attribute: a}
}

// integer is the value of an attribute.
func integer(i uint32) []byte { return layeh.NewInteger(i) }

// hidden is a User-Password as another implementation hides it.
func hidden(t testing.TB, r *radius.Request, text string) *layeh.AVP {
	t.Helper()
	b, err := layeh.NewUserPassword([]byte(text), r.Secret, r.Authenticator[:])
	if err != nil {
		t.Fatal(err)
	}
	return avp(rfc2865.UserPassword_Type, []byte(b))
}

// pap is an Access-Request of nemo with a User-Password.
func papRequest(t testing.TB, text string) *radius.Request {
	r := request()
	r.Attributes = append(r.Attributes, hidden(t, r, text))
	return r
}

// shown is a packet as the dictionaries show it, one attribute a line.
func shown(t testing.TB, p *layeh.Packet) string {
	t.Helper()
	d := loadDictionary(t)
	b := new(strings.Builder)
	b.WriteString(p.Code.String())
	for _, a := range p.Attributes {
		for _, v := range d.Decode(a) {
			b.WriteString("\n" + v.Name() + " = " + v.Text())
		}
	}
	return b.String()
}

func loadDictionary(t testing.TB) *dictionary.Dictionary {
	t.Helper()
	d, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var embedded = sync.OnceValues(func() (*dictionary.Dictionary, error) { return dictionary.Load() })

// configured are reply attributes as an operator writes them.
func configured(t testing.TB, pairs ...string) (values []dictionary.Value) {
	t.Helper()
	d := loadDictionary(t)
	for i := 0; i < len(pairs); i += 2 {
		v, err := d.Parse(pairs[i], pairs[i+1])
		if err == nil {
			err = CheckReply(v)
		}
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, v)
	}
	return values
}

func serve(t testing.TB, h *Handler, r *radius.Request) *layeh.Packet {
	t.Helper()
	reply, err := h.ServeRADIUS(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// The exchanges of RFC 2865, section 7.1 and 7.2, from bytes to bytes.
func TestRFC2865Examples(t *testing.T) {
	for _, tt := range []struct {
		name, request, reply string
		configured           []string
	}{
		{
			name:    "7.1, PAP",
			request: "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee0406c0a80110050600000003",
			reply:   "0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103",
			configured: []string{
				"Service-Type", "Login-User", "Login-Service", "Telnet", "Login-IP-Host", "192.168.1.3",
			},
		},
		{
			name:    "7.2, CHAP",
			request: "010100472aee86f08d0d55969ca5978e0d3367a20108666c6f707379031316e97557c316185895f293ff63440772750406c0a80110050600000014060600000002070600000001",
			reply:   "0201003815efbc7dab26cfa3dc34d9c03c8601a40606000000020706000000010806fffffffe0a06000000020d06000000010c06000005dc",
			configured: []string{
				"Service-Type", "Framed-User", "Framed-Protocol", "PPP", "Framed-IP-Address", "255.255.255.254",
				"Framed-Routing", "Listen", "Framed-Compression", "Van-Jacobson-TCP-IP", "Framed-MTU", "1500",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := hex.DecodeString(tt.request)
			if err != nil {
				t.Fatal(err)
			}
			p, err := layeh.Parse(b, secret)
			if err != nil {
				t.Fatal(err)
			}
			h, _ := newHandler(password("arctangent"))
			h.Reply = map[string][]dictionary.Value{"vpn": configured(t, tt.configured...)}
			r := requestOf()
			r.Packet = p
			reply, err := serve(t, h, r).Encode()
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(reply); got != tt.reply {
				t.Errorf("reply\n %s, want\n %s", got, tt.reply)
			}
		})
	}
}

func TestAttemptSaysWhatTheRequestSays(t *testing.T) {
	var got login.Attempt
	h, _ := newHandler(engine(func(a login.Attempt) (login.Verdict, error) {
		got = a
		return login.Verdict{}, nil
	}))
	r := requestOf(
		avp(rfc2865.UserName_Type, `EXAMPLE\Näme`),
		avp(rfc2865.NASIdentifier_Type, "gw-1"),
		avp(rfc2865.CallingStationID_Type, "203.0.113.9[4500]"),
		avp(rfc2865.State_Type, "opaque"),
	)
	serve(t, h, r)
	if got.Passcode == nil || got.Protocol != "PAP" {
		t.Fatalf("passcode %v of protocol %q", got.Passcode, got.Protocol)
	}
	got.Passcode = nil
	want := login.Attempt{
		User: `EXAMPLE\Näme`, Client: "vpn", NAS: "gw-1", Station: "203.0.113.9[4500]", Protocol: "PAP", State: "opaque",
		From: netip.MustParseAddr("203.0.113.9"), Received: received, Request: r.Digest(),
	}
	if got != want {
		t.Errorf("%+v, want\n%+v", got, want)
	}
}

func TestWhatIsNoLoginIsRefused(t *testing.T) {
	chap := avp(rfc2865.CHAPPassword_Type, make([]byte, 17))
	response2 := vsa(microsoft, msCHAP2Response, make([]byte, 50))
	msChallenge := vsa(microsoft, msCHAPChallenge, make([]byte, 16))
	user := avp(rfc2865.UserName_Type, "nemo")
	for _, tt := range []struct {
		name  string
		attrs []*layeh.AVP
		want  refusal
	}{
		{"no User-Name", nil, noUserName},
		{"empty User-Name", []*layeh.AVP{avp(rfc2865.UserName_Type, "")}, badUserName},
		{"NUL in it", []*layeh.AVP{avp(rfc2865.UserName_Type, "nemo\x00")}, badUserName},
		{"escape", []*layeh.AVP{avp(rfc2865.UserName_Type, "\x1b[2Jnemo")}, badUserName},
		{"line", []*layeh.AVP{avp(rfc2865.UserName_Type, "nemo\nroot")}, badUserName},
		{"C1 control", []*layeh.AVP{avp(rfc2865.UserName_Type, "nemo\u0085")}, badUserName},
		{"text turned around", []*layeh.AVP{avp(rfc2865.UserName_Type, "nemo\u202Etoor")}, badUserName},
		{"too long", []*layeh.AVP{avp(rfc2865.UserName_Type, strings.Repeat("x", 254))}, badUserName},
		{"EAP", []*layeh.AVP{user, avp(rfc2869.EAPMessage_Type, "\x02\x01\x00\x09\x01nemo")}, noEAP},
		{"MS-CHAPv1", []*layeh.AVP{user, vsa(microsoft, msCHAPChallenge, "12345678"), vsa(microsoft, msCHAPResponse, make([]byte, 50))}, noMSCHAPv1},
		{"change of password", []*layeh.AVP{user, vsa(microsoft, msCHAP2ChangePW, make([]byte, 68))}, noMSCHAPv1},
		{"ARAP", []*layeh.AVP{user, avp(rfc2869.ARAPPassword_Type, make([]byte, 16))}, otherPasscode},
		{"digest", []*layeh.AVP{user, avp(103, "0123456789abcdef")}, otherPasscode},
		{"CHAP beside MS-CHAPv2", []*layeh.AVP{user, chap, msChallenge, response2}, twoPasscodes},
		{"EAP beside CHAP", []*layeh.AVP{user, chap, avp(rfc2869.EAPMessage_Type, "x")}, twoPasscodes},
		{"short CHAP", []*layeh.AVP{user, avp(rfc2865.CHAPPassword_Type, make([]byte, 16))}, badPasscode},
		{"long CHAP", []*layeh.AVP{user, avp(rfc2865.CHAPPassword_Type, make([]byte, 18))}, badPasscode},
		{"empty CHAP", []*layeh.AVP{user, avp(rfc2865.CHAPPassword_Type, "")}, badPasscode},
		{"empty CHAP-Challenge", []*layeh.AVP{user, chap, avp(rfc2865.CHAPChallenge_Type, "")}, badPasscode},
		{"CHAP-Challenge alone", []*layeh.AVP{user, avp(rfc2865.CHAPChallenge_Type, "0123456789abcdef")}, badPasscode},
		{"MS-CHAP-Challenge alone", []*layeh.AVP{user, msChallenge}, badPasscode},
		{"MS-CHAP2-Response alone", []*layeh.AVP{user, response2}, badPasscode},
		{"challenge of MS-CHAPv1", []*layeh.AVP{user, response2, vsa(microsoft, msCHAPChallenge, "12345678")}, badPasscode},
		{"short MS-CHAP2-Response", []*layeh.AVP{user, msChallenge, vsa(microsoft, msCHAP2Response, make([]byte, 49))}, badPasscode},
		{"long MS-CHAP2-Response", []*layeh.AVP{user, msChallenge, vsa(microsoft, msCHAP2Response, make([]byte, 51))}, badPasscode},
		{"empty MS-CHAP2-Response", []*layeh.AVP{user, msChallenge, vsa(microsoft, msCHAP2Response, "")}, badPasscode},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, j := newHandler(notReached(t))
			reply := serve(t, h, requestOf(tt.attrs...))
			want := "Access-Reject\nReply-Message = " + sayFailed
			if tt.want == noEAP || tt.want == noMSCHAPv1 || tt.want == otherPasscode {
				want = "Access-Reject\nReply-Message = " + sayUnsupported
			}
			if got := shown(t, reply); got != want {
				t.Errorf("%s, want\n%s", got, want)
			}
			if len(j.rows) != 1 || j.rows[0].Result != login.ResultFailure || j.rows[0].Reason != login.Reason(tt.want) {
				t.Errorf("activity %+v, want %q", j.rows, tt.want)
			} else if strings.ContainsFunc(j.rows[0].User, isHidden) {
				t.Errorf("activity has %q", j.rows[0].User)
			}
			j.err = errors.New("full")
			if got := shown(t, serve(t, h, requestOf(tt.attrs...))); got != want {
				t.Errorf("with a full disk: %s", got)
			}
		})
	}
}

func TestErrorOfTheEngineIsSilence(t *testing.T) {
	h, _ := newHandler(engine(func(login.Attempt) (login.Verdict, error) {
		return login.Verdict{Outcome: login.Accept}, errors.New("store")
	}))
	if reply, err := h.ServeRADIUS(t.Context(), papRequest(t, "123456")); err == nil || reply != nil {
		t.Errorf("reply %v, error %v", reply, err)
	}
}

func TestOtherCodesAreSilence(t *testing.T) {
	h, _ := newHandler(notReached(t))
	r := papRequest(t, "123456")
	r.Code = layeh.CodeStatusServer
	if reply, err := h.ServeRADIUS(t.Context(), r); err == nil || reply != nil {
		t.Errorf("reply %v, error %v", reply, err)
	}
}

func TestMSCHAPInTheClearWarnsOnceForEachClient(t *testing.T) {
	var log bytes.Buffer
	h, _ := newHandler(password("clientPass"))
	h.Log = slog.New(slog.NewTextHandler(&log, nil))
	for range 2 {
		for _, client := range []string{"one", "two"} {
			r := msCHAP2Request(t, "User", "clientPass")
			r.Client.Name = client
			serve(t, h, r)
		}
	}
	serve(t, h, papRequest(t, "x"))
	if got := strings.Count(log.String(), "level=WARN"); got != 2 ||
		strings.Count(log.String(), "client=one") != 1 || strings.Count(log.String(), "client=two") != 1 {
		t.Errorf("%d warnings:\n%s", got, log.String())
	}
}

func TestWarningsAreBounded(t *testing.T) {
	var w warnings
	for i := range 2 * maxWarnings {
		w.first(strings.Repeat("x", i))
	}
	if len(w.said) != maxWarnings {
		t.Errorf("%d names are kept", len(w.said))
	}
}
