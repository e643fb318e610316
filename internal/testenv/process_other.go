//go:build !linux

package testenv

import "syscall"

// diesWithUs does nothing here: only Linux kills a child with its parent.
func diesWithUs() *syscall.SysProcAttr { return nil }
