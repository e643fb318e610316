package client_test

import (
	"net/url"
	"testing"

	"github.com/ferry-server/ferry/client"
)

// Whatever is given as a link, what is made of it is a server and a name on it.
func FuzzSplitLink(f *testing.F) {
	for _, link := range []string{"https://a.example/d/1", "https://a.example/x/to/isles?y#z", "https://a.example/t-Ab12", "https://a.example/to/%2f", "//a/d/1", "d/1"} {
		f.Add(link)
	}
	f.Fuzz(func(t *testing.T, link string) {
		server, name, err := client.SplitLink(link)
		if err != nil {
			return
		}
		want, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		got, err := url.Parse(server)
		if name == "" || err == nil && got.Host != want.Host {
			t.Errorf("%q is %q on %q", link, name, server)
		}
	})
}
