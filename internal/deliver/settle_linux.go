package deliver

import (
	"syscall"
	"unsafe"
)

// What tcp(7) says of a socket's state, from the kernel's include/net/tcp_states.h.
const (
	tcpClose     = 7
	tcpCloseWait = 8
)

// lookAt asks the kernel. A socket that this side has closed tells nothing.
func lookAt(raw syscall.RawConn) (s socketState, ok bool) {
	err := raw.Control(func(fd uintptr) {
		info, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO)
		if err != nil {
			return
		}
		state := info & 0xff // the first byte of struct tcp_info, wherever the machine has it
		if bigEndian {
			state = info >> 24 & 0xff
		}
		s.reset, s.closed = state == tcpClose, state == tcpCloseWait
		s.queued, ok = count(fd, syscall.TIOCOUTQ)
		if ok {
			s.unread, ok = count(fd, syscall.TIOCINQ)
		}
	})
	return s, ok && err == nil
}

var bigEndian = func() bool {
	one := uint32(1)
	return *(*byte)(unsafe.Pointer(&one)) == 0
}()

// count is an ioctl that gives a number of bytes.
func count(fd, what uintptr) (int, bool) {
	var n int32
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, what, uintptr(unsafe.Pointer(&n)))
	return int(n), errno == 0
}
