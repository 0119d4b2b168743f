package access

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	layeh "layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"radpush/login"
	"radpush/otp"
	"radpush/otp/grid"
	"radpush/push"
	"radpush/radius"
	"radpush/radius/radiustest"
	"radpush/store"
	"radpush/store/storetest"
)

// The tests in this file are whole logins of several rounds, from datagram to datagram: a
// NAS, the server, the handler and the engine with a store in memory, in virtual time.

// A gateway is a NAS in front of all that.
type gateway struct {
	*testing.T
	*radiustest.NAS
	engine   *login.Engine
	broker   *push.Broker
	protocol string   // "PAP", "CHAP", "MS-CHAPv2", or "FortiGate", which is the latter with its own answers
	texts    []string // SMS
	request  *layeh.Packet
}

var everyProtocol = []string{"PAP", "CHAP", "MS-CHAPv2", "FortiGate"}

// pattern is alice's on a grid.
var pattern = grid.Pattern{Size: 7, Cells: []uint8{3, 17, 8, 21, 10, 48}}

// eachProtocol runs a test for each of them. The engine knows alice, who has a telephone, a
// grid and a token.
func eachProtocol(t *testing.T, protocols []string, f func(g *gateway)) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t, true)
				g.protocol = protocol
				f(g)
			})
		})
	}
}

// newEngine is what the server has, on a store in memory.
func newEngine(challenge bool, log *slog.Logger) (*login.Engine, *push.Broker) {
	disk := &storetest.Memory{}
	broker := &push.Broker{
		Devices:    store.Table[push.Device]{Backend: disk, Prefix: "device"},
		Challenges: store.Table[push.Challenge]{Backend: disk, Prefix: "challenge"},
		Recent:     store.Table[push.Recent]{Backend: disk, Prefix: "recent"},
		Enrolments: store.Table[push.Enrolment]{Backend: disk, Prefix: "enrolment"},
		Log:        log,
	}
	return &login.Engine{
		Users:    store.Table[login.User]{Backend: disk, Prefix: "user"},
		Activity: &login.Journal{Rows: store.Table[login.Row]{Backend: disk, Prefix: "activity"}},
		Push:     broker,
		Devices:  broker,
		Clients:  map[string]login.Client{"vpn": {Name: "vpn", Challenge: challenge}},
		Lockout:  login.Lockout{Failures: 10},
		Window:   otp.Window{Behind: 1, Ahead: 1, LookAhead: 5, Outer: 40},
		Sent:     store.Table[login.Tally]{Backend: disk, Prefix: "sent"},
		Pictures: store.Table[login.Picture]{Backend: disk, Prefix: "picture"},
		URL:      "https://radpush.example.com:8443",
		Log:      log,
	}, broker
}

func newGateway(t *testing.T, challenge bool) *gateway {
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	g := &gateway{T: t, protocol: "PAP"}
	g.engine, g.broker = newEngine(challenge, log)
	g.engine.SMS = g
	alice := login.User{Name: "alice", Phone: "+491701234567", Grid: &pattern, Tokens: []otp.Token{otp.New("t", otp.SHA1, 6, 30*time.Second)}}
	g.must(g.engine.Users.Update(t.Context(), "alice", func(*login.User) (*login.User, error) { return &alice, nil }))

	clients, err := radius.NewClients([]radius.Client{{Name: "vpn", Prefix: netip.MustParsePrefix("198.51.100.0/24"), Secret: secret}})
	g.must(err)
	network := new(radiustest.Network)
	server := &radius.Server{
		Handler: &Handler{Engine: g.engine, Clients: g.engine.Clients, Activity: g.engine.Activity, Log: log},
		Clients: clients, Log: log, Prefer: IsAnswer,
	}
	conn := network.Listen("192.0.2.1:1812")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- server.Serve(ctx, conn) }()
	t.Cleanup(func() {
		stop()
		g.must(<-ended)
	})
	g.NAS = network.NAS(t, "198.51.100.7:4000", "192.0.2.1:1812", string(secret))
	return g
}

func (g *gateway) must(err error) {
	g.Helper()
	if err != nil {
		g.Fatal(err)
	}
}

// Send is an SMS.
func (g *gateway) Send(_ context.Context, _, text string) error {
	g.texts = append(g.texts, text)
	return nil
}

// code returns the code in the n-th SMS, which has to be the last.
func (g *gateway) code(n int) string {
	g.Helper()
	if len(g.texts) != n {
		g.Fatalf("%d SMS, want %d", len(g.texts), n)
	}
	return regexp.MustCompile(`\d{6}`).FindString(g.texts[n-1])
}

// types sends what alice types, with the State of a prompt if it answers one, and returns
// the reply.
func (g *gateway) types(passcode string, prompt *layeh.Packet) *layeh.Packet {
	g.Helper()
	p := layeh.New(layeh.CodeAccessRequest, secret)
	p.Add(rfc2865.UserName_Type, []byte("alice"))
	p.Add(rfc2865.CallingStationID_Type, []byte("203.0.113.9"))
	p.Add(rfc2865.ProxyState_Type, []byte("first"))
	p.Add(rfc2865.ProxyState_Type, []byte("second"))
	if prompt != nil {
		p.Add(rfc2865.State_Type, prompt.Get(rfc2865.State_Type))
	}
	challenge := make([]byte, 16)
	rand.Read(challenge)
	switch g.protocol {
	case "PAP":
		g.must(rfc2865.UserPassword_SetString(p, passcode))
	case "CHAP":
		p.Add(rfc2865.CHAPChallenge_Type, challenge)
		p.Add(rfc2865.CHAPPassword_Type, chapResponse(challenge[0], passcode, challenge))
	default:
		peer := make([]byte, 16)
		rand.Read(peer)
		response := ntResponse(g, "alice", peer, passcode)
		if g.protocol == "FortiGate" {
			p.Attributes = append(p.Attributes, vsa(fortinet, 3, "root"))
			if prompt != nil && len(passcode) >= 4 {
				clear(peer)
				clear(response)
				copy(peer, passcode)
			}
		}
		p.Attributes = append(p.Attributes,
			vsa(microsoft, msCHAPChallenge, authChallenge),
			vsa(microsoft, msCHAP2Response, slices.Concat([]byte{challenge[0], 0}, peer, make([]byte, 8), response)))
	}
	g.request = p
	reply := g.Login(g.Context(), p)
	g.wantWellFormed(reply)
	return reply
}

// wantWellFormed checks what holds for every reply, and for every Access-Challenge.
func (g *gateway) wantWellFormed(reply *layeh.Packet) {
	g.Helper()
	var types []layeh.Type
	for _, a := range reply.Attributes {
		types = append(types, a.Type)
	}
	n := len(types)
	if types[0] != rfc2869.MessageAuthenticator_Type || types[n-1] != rfc2865.ProxyState_Type || types[n-2] != rfc2865.ProxyState_Type ||
		string(reply.Attributes[n-2].Attribute) != "first" || string(reply.Attributes[n-1].Attribute) != "second" {
		g.Errorf("%v has attributes %v", reply.Code, types)
	}
	if reply.Code != layeh.CodeAccessChallenge {
		if slices.Contains(types, rfc2865.State_Type) {
			g.Errorf("%v carries a State", reply.Code)
		}
		return
	}
	if want := []layeh.Type{rfc2869.MessageAuthenticator_Type, rfc2865.ReplyMessage_Type, rfc2865.State_Type, rfc2865.ProxyState_Type, rfc2865.ProxyState_Type}; !slices.Equal(types, want) {
		g.Errorf("an Access-Challenge has attributes %v, want %v", types, want)
	}
	if n := len(reply.Get(rfc2865.ReplyMessage_Type)); n == 0 || n > 253 {
		g.Errorf("Reply-Message of %d octets", n)
	}
	if !IsAnswer(&radius.Request{Packet: reply}) { // what the NAS brings back is preferred
		g.Errorf("State %q", reply.Get(rfc2865.State_Type))
	}
}

func (g *gateway) isMSCHAP() bool { return g.protocol == "MS-CHAPv2" || g.protocol == "FortiGate" }

// wantAsked wants an Access-Challenge with a State of its own.
func (g *gateway) wantAsked(reply, before *layeh.Packet) *layeh.Packet {
	g.Helper()
	if reply.Code != layeh.CodeAccessChallenge {
		g.Fatalf("%s", shown(g, reply))
	}
	if before != nil && string(reply.Get(rfc2865.State_Type)) == string(before.Get(rfc2865.State_Type)) {
		g.Error("the State is the same")
	}
	return reply
}

// wantAccepted wants an Access-Accept that convinces the peer of who typed this.
func (g *gateway) wantAccepted(reply *layeh.Packet, typed string) {
	g.Helper()
	if reply.Code != layeh.CodeAccessAccept {
		g.Fatalf("%s", shown(g, reply))
	}
	if g.isMSCHAP() {
		wantConvinced(g, g.request, reply, typed)
	}
}

// wantRejected wants an Access-Reject, in MS-CHAPv2 with this error.
func (g *gateway) wantRejected(reply *layeh.Packet, msError string) {
	g.Helper()
	if reply.Code != layeh.CodeAccessReject {
		g.Fatalf("%s", shown(g, reply))
	}
	var got []string
	for typ, value := range ofVendor(reply.Attributes, microsoft) {
		got = append(got, fmt.Sprintf("%d: %s", typ, value[1:])) // behind the identifier
	}
	switch {
	case !g.isMSCHAP():
		if len(got) > 0 {
			g.Errorf("in %s: %q", g.protocol, got)
		}
	case len(got) != 1 || !regexp.MustCompile(`^2: `+msError+` C=[0-9A-F]{32} V=3 M=.`).MatchString(got[0]):
		g.Errorf("%q, want %s", got, msError)
	}
}

func TestRounds_4_1_CodeBySMS(t *testing.T) {
	eachProtocol(t, everyProtocol, func(g *gateway) {
		asked := g.wantAsked(g.types("s", nil), nil)
		code := g.code(1)
		g.wantAccepted(g.types(code, asked), code)
		g.wantRejected(g.types(code, asked), "E=691 R=0") // 4.4: a State is good once
	})
}

func TestRounds_4_2_Grid(t *testing.T) {
	eachProtocol(t, everyProtocol, func(g *gateway) {
		asked := g.wantAsked(g.types("G", nil), nil)
		digits := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, strings.Split(rfc2865.ReplyMessage_GetString(asked), "Or see")[0])
		answer := grid.Card{Size: 7, Digits: digits}.Answer(pattern)
		g.wantAccepted(g.types(answer, asked), answer)
	})
}

func TestRounds_1_11_TokenAtThePrompt(t *testing.T) {
	eachProtocol(t, everyProtocol, func(g *gateway) {
		asked := g.wantAsked(g.types("s", nil), nil)
		u, err := g.engine.Users.Get(g.Context(), "alice")
		g.must(err)
		code := u.Tokens[0].Code(u.Tokens[0].Step(time.Now()))
		g.wantAccepted(g.types(code, asked), code)
		g.wantRejected(g.types(g.code(1), asked), "E=691 R=0")
	})
}

func TestRounds_4_1_4_4_ThreeWrongAnswers(t *testing.T) {
	eachProtocol(t, everyProtocol, func(g *gateway) {
		first := g.wantAsked(g.types("s", nil), nil)
		code := g.code(1)
		second := g.wantAsked(g.types("0000", first), first)
		third := g.wantAsked(g.types("000000", second), second)
		if !strings.HasPrefix(rfc2865.ReplyMessage_GetString(third), "That was not right. ") {
			g.Errorf("alice reads %q", rfc2865.ReplyMessage_GetString(third))
		}
		g.wantRejected(g.types(code, first), "E=691 R=0") // an old State
		g.wantRejected(g.types("000000", third), "E=691 R=1")
		g.wantRejected(g.types(code, third), "E=691 R=0")
		g.code(1)
	})
}

// A wrong answer to a prompt is one guess like another: it is answered as late, so that it
// is no faster and the time that its check took is not seen. A prompt comes at once.
func TestRounds_5_1_AWrongAnswerAtThePromptIsDelayed(t *testing.T) {
	eachProtocol(t, everyProtocol, func(g *gateway) {
		var asked *layeh.Packet
		for _, typed := range []string{"s", "000000", "00000x"} {
			begin := time.Now()
			asked = g.wantAsked(g.types(typed, asked), nil)
			if took := time.Since(begin); (took >= time.Second) != (typed != "s") {
				g.Errorf("%s: %q is answered after %v", g.protocol, typed, took)
			}
		}
	})
}

func TestRounds_5_2_LockedInMidRound(t *testing.T) {
	eachProtocol(t, everyProtocol, func(g *gateway) {
		g.engine.Lockout.Failures = 2
		first := g.wantAsked(g.types("s", nil), nil)
		second := g.wantAsked(g.types("000000", first), first)
		g.wantRejected(g.types("000000", second), "E=691 R=1")
		g.wantRejected(g.types(g.code(1), second), "E=647 R=0")
	})
}

// Nothing typed at the prompt is the same code again, and after a while a new one.
func TestRounds_1_11_NothingAtThePrompt(t *testing.T) {
	eachProtocol(t, everyProtocol, func(g *gateway) {
		asked := g.wantAsked(g.types("S", nil), nil)
		asked = g.wantAsked(g.types("", asked), asked)
		first := g.code(1)
		time.Sleep(time.Minute)
		asked = g.wantAsked(g.types("", asked), asked)
		code := g.code(2)
		if code != first { // by chance, once in a million
			asked = g.wantAsked(g.types(first, asked), asked)
		}
		g.wantAccepted(g.types(code, asked), code)
	})
}

// Triggers are those of 1.9 at a prompt too: any other character is a wrong answer, but in
// PAP, where it is push.
func TestRounds_1_9_OtherCharactersAtThePrompt(t *testing.T) {
	eachProtocol(t, everyProtocol[1:], func(g *gateway) {
		g.enrol()
		asked := g.wantAsked(g.types("s", nil), nil)
		asked = g.wantAsked(g.types("x", asked), asked)
		asked = g.wantAsked(g.types("é", asked), asked)
		g.wantRejected(g.types("x", asked), "E=691 R=1")
	})
}

func TestRounds_1_9_1_11_PushAtThePrompt(t *testing.T) {
	for _, trigger := range []string{"p", "P", " "} {
		eachProtocol(t, everyProtocol, func(g *gateway) {
			approve := g.enrol()
			asked := g.wantAsked(g.types("s", nil), nil)
			go approve()
			g.wantAccepted(g.types(trigger, asked), trigger)
		})
	}
}

// A client that cannot show an Access-Challenge is told by an Access-Reject what to type, and
// the answer is the passcode of the next login.
func TestRounds_4_1_WithoutAccessChallenge(t *testing.T) {
	for _, protocol := range everyProtocol {
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t, false)
			g.protocol = protocol
			g.wantRejected(g.types("s", nil), "E=691 R=1")
			code := g.code(1)
			g.wantAccepted(g.types(code, nil), code)
		})
	}
}

// enrol gives alice a phone, and returns what approves the login that it shows next.
func (g *gateway) enrol() (approve func()) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	g.must(err)
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	g.must(err)
	code, err := g.engine.NewEnrolment(g.Context(), "alice", "", time.Minute)
	g.must(err)
	device, token, err := g.engine.Enrol(g.Context(), code, push.Device{Name: "phone", Kind: "terminal", Key: spki})
	g.must(err)
	return func() {
		time.Sleep(time.Second)
		open, err := g.broker.OpenFor(g.Context(), device)
		if err != nil || len(open) != 1 {
			g.Errorf("the phone shows %d logins, %v", len(open), err)
			return
		}
		sum := sha256.Sum256(push.Statement(open[0].ID, push.Approved, "", open[0].Shown))
		signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			g.Error(err)
		}
		now := time.Now()
		answer := push.Answer{Challenge: open[0].ID, Device: device.ID, Decision: push.Approved, Signature: signature, OTP: token.Code(token.Step(now)), At: now}
		if result, err := g.engine.Answer(g.Context(), answer); err != nil || result != push.Accepted {
			g.Errorf("approval: %v %v", result, err)
		}
	}
}
