package deliver

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// lookAt asks the kernel. A socket that this side has closed tells nothing.
func lookAt(raw syscall.RawConn) (s socketState, ok bool) {
	err := raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return
		}
		s.reset, s.closed = info.State == unix.BPF_TCP_CLOSE, info.State == unix.BPF_TCP_CLOSE_WAIT
		if s.queued, err = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ); err != nil {
			return
		}
		s.unread, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ)
		ok = err == nil
	})
	return s, ok && err == nil
}
