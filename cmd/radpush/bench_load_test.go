package main

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	wire "layeh.com/radius"
	"layeh.com/radius/rfc2865"
)

// A load is what a second process sends to a server under a benchmark: one login each of
// the users benchUser(First) on.
type load struct {
	Server   string
	Protocol string // of nasLogin
	Code     bool   // passcodes are codes; else all are empty
	First    int    // number of the first user
	Logins   int
	InFlight int  // how many wait for their replies at once
	Hold     bool // send all and wait for no reply
}

// A loadReport is what came of it.
type loadReport struct {
	Accepted, Rejected, Resent int
	Took                       time.Duration
}

// perSocket is how many logins a socket has in flight: half of its identifiers, so that
// one is not used again at once.
const perSocket = 128

// sendLoad is the second process: it reads loads from standard input, one JSON object a
// line, and reports on each to standard output.
func sendLoad() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var l load
		if err := in.Decode(&l); err != nil {
			return
		}
		report, err := l.send()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := out.Encode(report); err != nil {
			os.Exit(1)
		}
	}
}

// send prepares all requests, then sends them, InFlight at a time.
func (l load) send() (loadReport, error) {
	requests := make([][]byte, l.Logins)
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	for half := range 2 {
		wg.Go(func() {
			for i := half; i < l.Logins; i += 2 {
				b, err := l.request(i)
				if err != nil {
					failed.Store(&err)
				}
				requests[i] = b
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return loadReport{}, *err
	}
	if l.Hold {
		return loadReport{}, l.sendAll(requests)
	}
	var accepted, rejected, resent atomic.Int64
	start := time.Now()
	sockets := max(1, l.InFlight/perSocket)
	for s := range sockets {
		conn, err := net.Dial("udp", l.Server)
		if err != nil {
			return loadReport{}, err
		}
		defer conn.Close()
		wg.Go(func() {
			slots := make(chan struct{}, min(l.InFlight, perSocket))
			var pending [256]atomic.Int32 // by identifier: 1 + number of the request
			mine := (l.Logins - s + sockets - 1) / sockets
			go func() {
				id := byte(0)
				for i := s; i < l.Logins; i += sockets {
					slots <- struct{}{}
					for pending[id].Load() != 0 {
						id++
					}
					setIdentifier(requests[i], id)
					pending[id].Store(int32(i) + 1)
					if _, err := conn.Write(requests[i]); err != nil {
						return
					}
					id++
				}
			}()
			buffer := make([]byte, 4096)
			for got, patience := 0, 20; got < mine && patience > 0; {
				conn.SetReadDeadline(time.Now().Add(time.Second / 2))
				if _, err := conn.Read(buffer); err != nil {
					patience--
					for id := range pending { // what a NAS does: send the same again
						if i := pending[id].Load(); i != 0 {
							resent.Add(1)
							conn.Write(requests[i-1])
						}
					}
					continue
				}
				if pending[buffer[1]].Swap(0) == 0 {
					continue // a second reply, to a request that was sent again
				}
				if wire.Code(buffer[0]) == wire.CodeAccessAccept {
					accepted.Add(1)
				} else {
					rejected.Add(1)
				}
				got++
				<-slots
			}
		})
	}
	wg.Wait()
	return loadReport{Accepted: int(accepted.Load()), Rejected: int(rejected.Load()), Resent: int(resent.Load()), Took: time.Since(start)}, nil
}

// sendAll sends every request once, slowly enough for a socket's buffer, from as many
// sockets as it needs. It always uses the same ports, so that what is sent by a second
// call are retransmissions.
func (l load) sendAll(requests [][]byte) error {
	server, err := net.ResolveUDPAddr("udp", l.Server)
	if err != nil {
		return err
	}
	for i := 0; i < len(requests); i += 256 {
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 1, 1), Port: 20000 + i/256}, server)
		if err != nil {
			return err
		}
		for j, b := range requests[i:min(len(requests), i+256)] {
			setIdentifier(b, byte(j))
			if _, err := conn.Write(b); err != nil {
				return err
			}
		}
		conn.Close()
		time.Sleep(100 * time.Millisecond) // about as fast as they begin to wait
	}
	return nil
}

// request returns the datagram of one login, Message-Authenticator first and still to be
// computed.
func (l load) request(i int) ([]byte, error) {
	p := wire.New(wire.CodeAccessRequest, []byte(benchSecret))
	binary.BigEndian.PutUint64(p.Authenticator[:], uint64(i)) // the same each time
	clear(p.Authenticator[8:])
	p.Add(80, make(wire.Attribute, md5.Size))
	n := nasLogin{User: benchUser(l.First + i), Protocol: l.Protocol, NAS: "bench"}
	if l.Code {
		t := benchToken(l.First + i)
		n.Passcode = t.Code(t.Step(time.Now()))
	} else {
		n.Station = "198.51.100.7"
	}
	if _, err := n.fill(p); err != nil {
		return nil, err
	}
	if err := rfc2865.NASPort_Set(p, rfc2865.NASPort(i)); err != nil {
		return nil, err
	}
	return p.Encode()
}

// setIdentifier gives a request its identifier and the Message-Authenticator that goes
// with it (RFC 2869, section 5.14).
func setIdentifier(b []byte, id byte) {
	b[1] = id
	mac := b[22:38]
	clear(mac)
	h := hmac.New(md5.New, []byte(benchSecret))
	h.Write(b)
	h.Sum(mac[:0])
}
