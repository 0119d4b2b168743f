package access

import (
	"testing"

	layeh "layeh.com/radius"

	"radpush/login"
)

// Whatever a client sends: no panic, a reply that fits, an Access-Accept only if the
// engine said so, and a request that was refused never reaches the engine.
func FuzzHandler(f *testing.F) {
	add := func(p *layeh.Packet) {
		b, err := p.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(p.Code), b[20:])
	}
	add(request().Packet)
	add(papRequest(f, "123456").Packet)
	add(chapRequest("123456").Packet)
	add(msCHAP2Request(f, `DOMAIN\User`, "123456").Packet)
	add(msCHAP2Request(f, "User", "p").Packet)
	add(fortiGateRequest(f, "123456", "p").Packet)
	add(accountingRequest(status(1)).Packet)
	f.Fuzz(func(t *testing.T, code byte, attributes []byte) {
		attrs, err := layeh.ParseAttributes(attributes)
		if err != nil {
			t.Skip()
		}
		said := login.Reject
		h, _ := newHandler(engine(func(a login.Attempt) (login.Verdict, error) {
			if a.Passcode == nil || a.User == "" {
				t.Errorf("attempt %+v", a)
			}
			switch trigger, ok := login.Trigger(a.Passcode); {
			case a.Passcode.Equal("123456"):
				said = login.Accept
			case ok && trigger == "p":
				said = login.Accept
			case ok:
				said = login.Challenge
			}
			return login.Verdict{Outcome: said, State: "s", Message: "m"}, nil
		}))
		r := requestOf(attrs...)
		r.Code = layeh.Code(code)
		reply, err := h.ServeRADIUS(t.Context(), r)
		switch {
		case err != nil:
			if reply != nil {
				t.Errorf("reply and error %v", err)
			}
			return
		case reply.Code == layeh.CodeAccessAccept && said != login.Accept,
			reply.Code == layeh.CodeAccessChallenge && said != login.Challenge:
			t.Errorf("%v, though the engine said %d", reply.Code, said)
		}
		if _, err := reply.Encode(); err != nil {
			t.Error(err)
		}
	})
}
