package test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/ferry-server/ferry/internal/testenv"
)

var mixed = flag.Int64("mixed", 40, "size of the file of TestMixed, MB")

// TestMixed sends one file by Filemail chunks, presigned parts, tus and the IETF's draft
// in turns, with requests that are cut and a server that is killed. Each dialect is asked
// what is there, and no byte that was acknowledged is sent again.
func TestMixed(t *testing.T) {
	slow(t)
	node := testenv.StartFerry(t)
	m := &mixture{t: t, node: node, rnd: random(t), c: filemail(t, node, "sender@example.org")}
	m.f = chunked{content{"mixed.bin", *mixed*1_000_000 - 123, m.rnd.Uint64N(1 << 20)}, 5_000_000}
	m.there = make([]bool, m.f.chunks())
	var err error
	if m.tr, err = m.c.begin(map[string]any{"subject": "mixed"}); err != nil {
		t.Fatal(err)
	}
	m.chunk(m.rnd.IntN(len(m.there))) // from here on the file has an id
	d, err := m.c.details(m.tr.TransferID)
	if err != nil || len(d.Files) != 1 {
		t.Fatalf("%v, %+v", err, d)
	}
	m.file = d.Files[0].FileID
	var me struct{ UserID string }
	if err := m.c.call("GET", "/user", nil, &me); err != nil {
		t.Fatal(err)
	}
	access, secret := s3Credentials(t, node, m.c.key)
	m.sign = s3.NewPresignClient(awsClient(node, access, secret))
	m.key = me.UserID + "/" + m.file

	kills := 3
	for m.prefix() < m.f.size {
		switch m.rnd.IntN(9) {
		case 0:
			if kills > 0 {
				kills--
				node.Kill()
				m.c.http.CloseIdleConnections()
				node.Restart()
			}
		case 1, 2:
			if i := m.missing(); i >= 0 {
				m.chunk(i)
			}
		case 3, 4:
			if i := m.missing(); i >= 0 {
				m.part(i)
			}
		default:
			m.follow()
		}
	}
	if _, err := m.c.complete(m.tr); err != nil {
		t.Fatal(err)
	}
	if d, err = m.c.details(m.tr.TransferID); err != nil || len(d.Files) != 1 {
		t.Fatalf("%v, %+v", err, d)
	}
	if err := m.c.fetch(d.Files[0].DownloadURL, m.f.content); err != nil {
		t.Error(err)
	}
	t.Logf("turns: %v; %d bytes were sent of %d, %d of them in requests that were cut", m.turns, m.sent, m.f.size, m.cut)
	if m.sent-m.cut > m.f.size {
		t.Errorf("%d bytes were acknowledged of %d", m.sent-m.cut, m.f.size)
	}
}

// A mixture is a file on its way in, and what its sender knows of it.
type mixture struct {
	t     *testing.T
	node  *testenv.Node
	rnd   *rand.Rand
	c     *fm
	sign  *s3.PresignClient
	tr    fmTransfer
	f     chunked
	file  string // its id
	key   string // in the bucket
	there []bool // chunks that were acknowledged
	end   int64  // as a resumable protocol last told it

	turns     [4]int
	sent, cut int64
	late      int // PATCHes that one which was cut may still disturb, as it reaches the server after them
}

// prefix is where the acknowledged bytes end that nothing is missing before.
func (m *mixture) prefix() int64 {
	end := m.end
	for i := int(end / m.f.chunk); i < len(m.there) && m.there[i]; i++ {
		end = min(int64(i+1)*m.f.chunk, m.f.size)
	}
	return end
}

// missing gives a chunk of which nothing was acknowledged, -1 if there is none.
func (m *mixture) missing() int {
	var all []int
	for i := range m.there {
		if !m.there[i] && int64(i)*m.f.chunk >= m.prefix() {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		return -1
	}
	return all[m.rnd.IntN(len(all))]
}

func (m *mixture) length(i int) int64 { return min(m.f.chunk, m.f.size-int64(i)*m.f.chunk) }

func (m *mixture) chunk(i int) {
	m.t.Helper()
	q := m.f.query(m.tr, i)
	q.Set("totalsize", strconv.FormatInt(m.f.size, 10))
	status, a, err := m.c.post(m.tr, q, m.f.bytes(int64(i)*m.f.chunk, m.length(i)))
	if err != nil || status != http.StatusOK {
		m.t.Fatalf("chunk %d: %d %s, %v", i, status, a.ResponseStatus, err)
	}
	m.turns[0]++
	m.sent += m.length(i)
	m.there[i] = true
}

func (m *mixture) part(i int) {
	m.t.Helper()
	signed, err := m.sign.PresignUploadPart(m.t.Context(), &s3.UploadPartInput{
		Bucket: aws.String(bucket), Key: aws.String(m.key), PartNumber: aws.Int32(int32(i + 1)), UploadId: aws.String(m.file),
	})
	if err != nil {
		m.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(m.t.Context(), "PUT", signed.URL, bytes.NewReader(m.f.bytes(int64(i)*m.f.chunk, m.length(i))))
	if err != nil {
		m.t.Fatal(err)
	}
	resp, err := m.c.http.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		m.t.Fatalf("part %d: %d %s", i+1, resp.StatusCode, text)
	}
	m.turns[1]++
	m.sent += m.length(i)
	m.there[i] = true
}

// ask makes a request of a resumable protocol; cut, its body breaks.
func (m *mixture) ask(method string, header map[string]string, body []byte, cut bool) *http.Response {
	m.t.Helper()
	var reader io.Reader = bytes.NewReader(body)
	if cut {
		reader = io.MultiReader(bytes.NewReader(body[:m.rnd.IntN(len(body))]), brokenReader{})
	}
	req, err := http.NewRequestWithContext(m.t.Context(), method, m.node.URL+"/files/"+m.file, reader)
	if err != nil {
		m.t.Fatal(err)
	}
	req.ContentLength = int64(len(body))
	req.Header.Set("X-Api-Key", m.c.key)
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := m.c.http.Do(req)
	if err != nil && cut {
		return nil
	}
	if err != nil {
		m.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// follow asks how far the file is, and sends some of what follows, up to where others
// were before.
func (m *mixture) follow() {
	m.t.Helper()
	tus := m.rnd.IntN(2) == 0
	header := map[string]string{"Tus-Resumable": "1.0.0"}
	turn := 2
	if !tus {
		header = map[string]string{"Upload-Draft-Interop-Version": "6"}
		turn = 3
	}
	m.offset(m.ask("HEAD", header, nil, false))
	hole := m.f.size
	for i := range m.there {
		if at := int64(i) * m.f.chunk; m.there[i] && at > m.end {
			hole = min(hole, at)
		}
	}
	if m.end == m.f.size {
		return
	}
	n := 1 + m.rnd.Int64N(min(hole-m.end, 2*m.f.chunk))
	header["Upload-Offset"] = strconv.FormatInt(m.end, 10)
	header["Content-Type"] = "application/offset+octet-stream"
	if !tus {
		header["Content-Type"], header["Upload-Complete"] = "application/partial-upload", "?0"
		if m.end+n == m.f.size {
			header["Upload-Complete"] = "?1"
		}
	}
	before := m.end
	resp := m.ask("PATCH", header, m.f.bytes(m.end, n), m.rnd.IntN(3) == 0)
	m.turns[turn]++
	if resp == nil { // it is not known what came of it
		m.sent += n
		m.cut += n
		alone := m.late == 0
		m.late = 2
		m.askAgain()
		if m.end > hole {
			return
		}
		if alone && m.end > before+n {
			m.t.Fatalf("more than was sent: %d of %d", m.end-before, n)
		}
		return
	}
	if m.late > 0 && (resp.StatusCode == http.StatusConflict || resp.StatusCode == http.StatusLocked) {
		// One that was cut came only after the server was asked for the offset. It has
		// moved that, or stopped this one, of which some may be kept.
		m.late = 0
		if resp.StatusCode == http.StatusLocked {
			m.sent += n
			m.cut += n
		}
		m.askAgain()
		if resp.StatusCode == http.StatusConflict && m.end == before {
			m.t.Fatalf("PATCH at %d, %d bytes: %s, but nothing has moved", before, n, resp.Status)
		}
		return
	}
	if resp.StatusCode != http.StatusNoContent {
		m.t.Fatalf("PATCH at %d, %d bytes: %s, offset %s", before, n, resp.Status, resp.Header.Get("Upload-Offset"))
	}
	m.late = max(m.late-1, 0)
	m.sent += n
	m.offset(resp)
	if m.end < before+n {
		m.t.Fatalf("acknowledged %d of %d", m.end-before, n)
	}
}

func (m *mixture) askAgain() {
	m.t.Helper()
	m.offset(m.ask("HEAD", map[string]string{"Tus-Resumable": "1.0.0"}, nil, false))
}

// offset takes over how far the server says the file is.
func (m *mixture) offset(resp *http.Response) {
	m.t.Helper()
	end, err := strconv.ParseInt(resp.Header.Get("Upload-Offset"), 10, 64)
	if err != nil {
		m.t.Fatal(fmt.Errorf("%s: %w", resp.Status, err))
	}
	if end < m.prefix() {
		m.t.Fatalf("%d bytes were acknowledged, now %d", m.prefix(), end)
	}
	m.end = end
	for i := range m.there {
		m.there[i] = m.there[i] || min(int64(i+1)*m.f.chunk, m.f.size) <= end
	}
}
