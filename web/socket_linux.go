package web

import (
	"errors"
	"net"
	"syscall"
)

// peerUID returns the user that the process at the other end of a unix socket ran as when
// it connected (SO_PEERCRED, see unix(7)).
func peerUID(conn net.Conn) (uid int, err error) {
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return -1, errors.New("web: not a unix socket")
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return -1, err
	}
	uid = -1
	cerr := raw.Control(func(fd uintptr) {
		var cred *syscall.Ucred
		if cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			uid = int(cred.Uid)
		}
	})
	return uid, errors.Join(cerr, err)
}
