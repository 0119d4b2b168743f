package radius

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"layeh.com/radius"
)

// ErrNoReply is wrapped by the error of an Exchange that heard nothing authentic.
var ErrNoReply = errors.New("radius: no reply")

// Exchange sends a request as a NAS does and returns the reply to it and how often the
// request was sent again.
//
// Conn is a connected UDP socket, used for nothing else meanwhile. The request's Secret
// is the shared secret; a Message-Authenticator is put first, or for accounting the
// Request Authenticator computed. The same bytes are sent len(waits) times, with
// waits[i] to listen after each: slices.Repeat([]time.Duration{5 * time.Second}, 3) is
// what radclient does.
//
// What is not an authentic reply to this very request is ignored, as if it had not come:
// a forged reply must not end the wait for the real one. An Access-Accept, -Reject or
// -Challenge without Message-Authenticator is taken for forged (CVE-2024-3596). The
// error tells how many were ignored; mostly it means that the secrets differ.
func Exchange(ctx context.Context, conn net.Conn, request *radius.Packet, waits ...time.Duration) (reply *radius.Packet, resent int, err error) {
	b, err := encodeRequest(request)
	if err != nil {
		return nil, 0, err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })()
	buffer := make([]byte, radius.MaxPacketLength)
	ignored := 0
	for i, wait := range waits {
		if _, err := conn.Write(b); err != nil {
			return nil, i, exchangeError(conn, err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(wait))
		for ctx.Err() == nil {
			n, err := conn.Read(buffer)
			if err == nil {
				if reply = authenticReply(buffer[:n], b, request.Secret); reply != nil {
					return reply, i, nil
				}
				ignored++
				continue
			}
			if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
				return nil, i, exchangeError(conn, err)
			}
			break
		}
		if ctx.Err() != nil {
			return nil, i, fmt.Errorf("radius: wait for reply: %w", context.Cause(ctx))
		}
	}
	err = fmt.Errorf("%w from %v to %d datagrams", ErrNoReply, conn.RemoteAddr(), len(waits))
	if ignored > 0 {
		err = fmt.Errorf("%w; %d that came were not authentic: is the secret the same?", err, ignored)
	}
	return nil, max(0, len(waits)-1), err
}

// authenticReply returns the reply in a datagram, or nil if it does not answer request.
func authenticReply(datagram, request []byte, secret []byte) *radius.Packet {
	b, s, why := inspect(datagram)
	if why != passed || b[1] != request[1] || !answers(radius.Code(b[0]), radius.Code(request[0])) ||
		!verifyReply(b, s.mac, request[4:headerLength], secret) {
		return nil
	}
	reply := new(radius.Packet)
	unpack(reply, b, s.attributes, secret)
	return reply
}

// exchangeError names what a refused datagram means: the system was told by ICMP that
// the port is closed.
func exchangeError(conn net.Conn, err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("radius: nothing listens at %v: %w", conn.RemoteAddr(), err)
	}
	return fmt.Errorf("radius: %w", err)
}
