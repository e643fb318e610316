package account

import (
	_ "embed"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/fault"
)

// MinPassword is the least length of a password, in characters.
const MinPassword = 8

const maxPassword = 1024 // bytes: hashing more would be work for nothing

// knownBad are passwords that are long enough and that everybody tries first, one a
// line: the heads of the lists that were published after break-ins.
//
//go:embed known_bad.txt
var knownBad string

// CheckPassword returns what is wrong with a new password, as Fields of the given
// name: "password_length", or "password_weak" for one that is known to be bad, is
// the address, or is hardly more than one character.
func CheckPassword(field string, password Secret, email string) []fault.Field {
	p := string(password)
	if utf8.RuneCountInString(p) < MinPassword || len(p) > maxPassword {
		return []fault.Field{{Name: field, Code: "password_length", Msg: fmt.Sprintf("must have %d to %d characters", MinPassword, maxPassword)}}
	}
	if isWeak(strings.ToLower(p), email) {
		return []fault.Field{{Name: field, Code: "password_weak", Msg: "is too easy to guess"}}
	}
	return nil
}

func isWeak(p, email string) bool {
	local, _, _ := strings.Cut(email, "@")
	if p == email || p == local {
		return true
	}
	different := map[rune]bool{}
	for _, r := range p {
		different[r] = true
	}
	if len(different) < 3 {
		return true
	}
	for bad := range strings.Lines(knownBad) {
		if strings.TrimSpace(bad) == p {
			return true
		}
	}
	return false
}
