package test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ferry-server/ferry/internal/testenv"
)

// What is refused without a look at its body is answered all the same, at every door and
// also to a client that listens only when it has sent everything; and the connection goes
// on. (WeTransfer's JavaScript SDK fails with an error of its own on one that is cut.)
func TestRefusalsReachWhoStillSends(t *testing.T) {
	node := testenv.StartFerry(t)
	c := signIn(t, node)
	s := mustBegin(t, c, transferV2, content{"refused.bin", 20_000_000, 41})
	presigned, err := s.items[0].url(1)
	if err != nil {
		t.Fatal(err)
	}
	presigned = strings.TrimPrefix(presigned, node.URL)
	const usual, largest = 6 * mib, 20_000_000 // largest: wetransfeR's last part
	for _, tt := range []struct {
		name, request, headers string
		size                   int
		status                 int
	}{
		{"WeTransfer, a wrong key", "POST /v2/transfers", "X-Api-Key: wrong", largest, 401},
		{"WeTransfer, nothing there", "POST /v1/nowhere", "X-Api-Key: " + c.key, largest, 403},
		{"WeTransfer, too much", "POST /v2/transfers", "X-Api-Key: " + c.key + "\r\nContent-Type: application/json\r\nAuthorization: Bearer " + c.tokens["v2"], largest, 413},
		{"S3, a spoilt signature", "PUT " + presigned + "0", "", usual, 403},
		{"S3, a spoilt signature and the largest part", "PUT " + presigned + "0", "", largest, 403},
		{"S3, nobody", "PUT /s3/ferry/x", "", usual, 403},
		{"Filemail, nobody", "POST /transfer/initialize", "", usual, 401},
		{"Ferry's API, no JSON", "POST /ferry/v1/transfers", "Content-Type: application/json", usual, 400},
		{"resumable uploads, nobody", "PATCH /files/nothing", "Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream", largest, 401},
		{"the site, nothing there", "POST /app/nowhere", "", usual, 404},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/chunked=%v", tt.name, chunked), func(t *testing.T) {
				head, before, after := fmt.Sprintf("Content-Length: %d", tt.size), "", ""
				if chunked {
					head, before, after = "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n", tt.size), "\r\n0\r\n\r\n"
				}
				if tt.headers != "" {
					head += "\r\n" + tt.headers
				}
				conn := dial(t, node)
				if _, err := io.WriteString(conn, tt.request+" HTTP/1.1\r\nHost: "+node.URL[len("http://"):]+"\r\n"+head+"\r\n\r\n"+before+
					strings.Repeat("x", tt.size)+after+"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
					t.Fatalf("cut off while sending: %v", err)
				}
				r := bufio.NewReader(conn)
				for _, want := range []int{tt.status, 200} {
					resp, err := http.ReadResponse(r, nil)
					if err != nil {
						t.Fatal(err)
					}
					text, err := io.ReadAll(resp.Body)
					if resp.StatusCode != want || err != nil {
						t.Fatalf("%d, want %d: %.200s %v", resp.StatusCode, want, text, err)
					}
				}
			})
		}
	}
}
