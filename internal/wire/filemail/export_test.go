package filemail

import "net/http"

// These let tests mount routes of their own on a door that a real server serves.

// A TestRoute answers with what its function gives.
type TestRoute struct {
	Pattern string
	Classic bool
	Upload  bool // Do gets the parsed upload's transfer as its argument
	Do      func(argument string) error
}

// MountForTest makes the table the door's.
func (h *Handler) MountForTest(table ...TestRoute) {
	var all []route
	for _, tr := range table {
		rt := route{method: http.MethodPost, pattern: tr.Pattern, needs: needsCaller, classic: tr.Classic}
		if tr.Classic {
			rt.method = ""
		}
		if tr.Upload {
			rt.needs = needsNothing
			rt.stream = func(c *call) error {
				u, err := readUpload(c.w, c.r)
				if err != nil {
					return err
				}
				if err := tr.Do(u.transfer); err != nil {
					return err
				}
				c.write(nil)
				return nil
			}
		} else {
			rt.call = func(c *call) (any, error) {
				password := c.in.secret("password")
				c.in.number("days", 0, 9)
				if err := c.in.err(); err != nil {
					return nil, err
				}
				return nil, tr.Do(string(password))
			}
		}
		all = append(all, rt)
	}
	h.mount(all)
}
