//go:build !linux

package server

import "net"

// readAhead is for Linux.
func readAhead(l net.Listener) net.Listener { return l }
