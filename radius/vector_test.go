package radius_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"

	server "radpush/radius"
)

const (
	// RFC 2865, section 7.1: nemo telnets to a terminal server, with PAP.
	papVector = "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee" +
		"0406c0a80110050600000003"
	// Section 7.2: flopsy, with CHAP.
	chapVector = "010100472aee86f08d0d55969ca5978e0d3367a20108666c6f707379031316e97557c316185895f293ff6344" +
		"0772750406c0a80110050600000014060600000002070600000001"
	// RFC 5997, section 6.1.
	statusVector = "0cda00268a54f4686fb394c52866e302185d062350125a665e2e1e8411f3e243822097c84fa3"
	// Its reply; the RFC's has no Message-Authenticator.
	statusReply = "02da00267e6d7a5f5dfa87b519bef260a6f15081501257566a4a4a4c690f8e18b73ae7a7f65f"
	// Access-Reject to the first, sent with Proxy-State "ab" and "cd".
	rejectReply = "0300002efb3d27d6978e36eeeec89f6273e78258501243c8a76bbc03f77c53a609579128bb1d21046162" +
		"21046364"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// with returns a packet with attributes appended, without computing anything anew.
func with(b []byte, attributes string) []byte {
	b = append(slices.Clone(b), attributes...)
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// flip returns a packet with one bit changed.
func flip(b []byte, i int) []byte {
	b = slices.Clone(b)
	b[i] ^= 1
	return b
}

func encode(t testing.TB, p *radius.Packet) []byte {
	t.Helper()
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// encodeSigned returns a request with a Message-Authenticator at its end. It is computed
// here, so that the server does not check itself.
func encodeSigned(t testing.TB, p *radius.Packet) []byte {
	t.Helper()
	return sign(with(encode(t, p), "\x50\x12"+string(make([]byte, 16))), secret)
}

// sign fills in the Message-Authenticator that is the last attribute of a packet.
func sign(b []byte, secret string) []byte {
	copy(b[len(b)-16:], mac(b, secret))
	return b
}

func mac(b []byte, secret string) []byte {
	mac := hmac.New(md5.New, []byte(secret))
	mac.Write(b)
	return mac.Sum(nil)
}

func TestVectors(t *testing.T) {
	for _, tt := range []struct {
		name          string
		handler       handler
		request, want string
	}{
		{"RFC 5997, section 6.1", nil, statusVector, statusReply},
		{
			"RFC 2865, section 7.1, rejected, through two proxies",
			func(_ context.Context, r *server.Request) (*radius.Packet, error) {
				name, password := rfc2865.UserName_GetString(r.Packet), rfc2865.UserPassword_GetString(r.Packet)
				if name != "nemo" || password != "arctangent" || rfc2865.NASPort_Get(r.Packet) != 3 {
					t.Errorf("user %q, password %q, attributes %v", name, password, r.Attributes)
				}
				return r.Response(radius.CodeAccessReject), nil
			},
			hex.EncodeToString(with(unhex(t, papVector), "\x21\x04ab\x21\x04cd")), rejectReply,
		},
	} {
		inTime(t, tt.name, func(t *testing.T) {
			nas := start(t, &server.Server{Handler: tt.handler})
			nas.SendBytes(unhex(t, tt.request))
			if got := nas.Receive(10 * time.Second); hex.EncodeToString(got) != tt.want {
				t.Errorf("\nreply %x\nwant  %s", got, tt.want)
			}
		})
	}
}

func TestVectorCHAP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nas := start(t, &server.Server{Handler: handler(
			func(_ context.Context, r *server.Request) (*radius.Packet, error) {
				chap := rfc2865.CHAPPassword_Get(r.Packet)
				hash := md5.New()
				hash.Write(chap[:1])
				hash.Write([]byte("arctangent"))
				hash.Write(r.Authenticator[:]) // there is no CHAP-Challenge
				if !bytes.Equal(hash.Sum(nil), chap[1:]) || r.Identifier != 1 {
					t.Errorf("CHAP-Password %x, identifier %d", chap, r.Identifier)
				}
				return r.Response(radius.CodeAccessAccept), nil
			})})
		request := unhex(t, chapVector)
		nas.SendBytes(request)
		if got := nas.Receive(soon); got == nil || !radius.IsAuthenticResponse(got, request, []byte(secret)) {
			t.Errorf("reply %x", got)
		}
	})
}
