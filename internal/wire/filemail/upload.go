package filemail

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/wire"
)

// unknown is a length that nobody said.
const unknown = -1

// An upload is one request that brings bytes of a file: to which file they belong,
// where in it, and the bytes, which have not been read yet.
type upload struct {
	transfer string
	key      account.Secret // of the transfer, as uuid gives it
	name     string         // cleaned; folders are kept
	fileID   string         // the client's own; "" where it has none, and the name is all that tells files apart

	part
	body io.Reader

	bodyMD5 []byte // what the sender says that this body is; nil: not said
	fileMD5 []byte // what it says that the whole file is, where that is more than this body
}

// A part is a piece of a file by the sender's plan.
type part struct {
	number int   // from 1
	count  int   // of all parts
	chunk  int64 // length of every part but the last; unknown where there is one only
	length int64 // of this part; unknown where neither request nor plan tells
	total  int64 // of the file, or unknown
}

// most is the length that the part must not pass, or unknown.
func (p part) most() int64 {
	if p.length == unknown && p.count > 1 {
		return p.chunk
	}
	return p.length
}

// uploadNames are the parameters that an upload is made of.
var uploadNames = []string{
	"transferid", "transferkey", "thefilename", "filename", "name", "fileid",
	"chunk", "chunks", "chunksize", "chunkoffset", "totalsize", "md5",
}

// placeNames are those that say where bytes go, and what they must be. One that is
// given twice as different things is refused, wherever it stands: of two readers, each
// would take another one for it.
var placeNames = []string{
	"transferid", "transferkey", "fileid", "chunk", "chunks", "chunksize", "chunkoffset", "totalsize", "md5",
}

// readUpload reads a request to the upload URL up to its bytes. Those are the body
// as it is, whatever its content type; or, of multipart/form-data, the one file.
//
// Parameters are in the query, or in fields of the form that come before its file:
// the place of the bytes must be known before they come. A field that comes after
// the file is refused when it says something else than was gone by, after the bytes
// and before anybody keeps them; so is a second file. body reports that at its end.
func readUpload(w http.ResponseWriter, r *http.Request) (*upload, error) {
	query, err := parseParams(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, fault.New(fault.Invalid, wire.CodeEncoding, "the content encoding of the body is not supported")
	}
	body := wire.Paced(w, r)
	if wire.MediaType(r.Header.Get("Content-Type")) != "multipart/form-data" {
		return newUpload(query, nil, "", r.ContentLength, body)
	}
	form, err := newMultiform(body, r.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	f := &formFile{form: form, names: uploadNames, fields: params{}}
	filename, err := f.find()
	if err != nil {
		return nil, err
	}
	u, err := newUpload(query, f.fields, filename, unknown, f)
	if err != nil {
		return nil, err
	}
	f.query = query
	return u, nil
}

// newUpload reads the parameters and checks them against each other.
func newUpload(query, fields params, filename string, length int64, body io.Reader) (*upload, error) {
	in := &input{find: func(name string) value {
		if texts := query[name]; len(texts) > 0 {
			return value{texts: texts}
		}
		return value{texts: fields[name]}
	}}
	for _, name := range placeNames {
		all := append(append([]string(nil), query[name]...), fields[name]...)
		if slices.ContainsFunc(all, func(s string) bool { return s != all[0] }) {
			in.wrong(name, codeValue, "is given twice, and not as the same")
		}
	}
	u := &upload{
		transfer: in.line("transferid", 64),
		key:      account.Secret(in.uuid("transferkey")),
		fileID:   in.line("fileid", 64),
		part:     readPart(in, length),
		body:     body,
	}
	in.require("transferid", "transferkey")
	u.name = readName(in, filename)
	u.readMD5(in)
	if err := in.err(); err != nil {
		return nil, err
	}
	if length == unknown && u.length != unknown {
		u.body = &planned{body, u.length, 0}
	}
	return u, nil
}

// planned is a body that ends by itself, in a form or by HTTP's chunks, and whose length
// its sender's parameters tell. One that is shorter has arrived as it was sent: to send
// it again would not help, as it would where a connection broke.
type planned struct {
	io.Reader
	want, got int64
}

func (p *planned) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.got += int64(n)
	if err == io.EOF && p.got < p.want {
		err = fault.New(fault.Invalid, "chunk_length", "the body has %d bytes, and should have %d", p.got, p.want)
	}
	return n, err
}

// readName reads the file's name. Uploaders other than Filemail's call it name or
// filename; the file's own name in a form comes last, as in pyfilemail it is the
// word "filename".
func readName(in *input, filename string) string {
	for _, from := range []string{"thefilename", "filename", "name"} {
		if !in.has(from) {
			continue
		}
		clean := cleanName(in.text(from, maxFolders*(maxElement+1)))
		if why := badName(clean); why != "" {
			in.wrong(from, codeValue, "%s", why)
		}
		return clean
	}
	clean := cleanName(filename)
	if clean == "" || badText(clean, maxElement) != "" {
		in.require("thefilename")
		return ""
	}
	if why := badName(clean); why != "" {
		in.wrong("thefilename", codeValue, "%s", why)
	}
	return clean
}

// readMD5 reads a checksum: in hexadecimal it is that of this body
// (zenden2k/image-uploader), in base64 that of the whole file (pyfilemail).
func (u *upload) readMD5(in *input) {
	s := in.line("md5", 64)
	if s == "" {
		return
	}
	if len(s) == 2*md5.Size && isHex(s) {
		u.bodyMD5, _ = hex.DecodeString(s)
		return
	}
	// A plus sign that was not escaped has become a space.
	sum, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(s, " ", "+"))
	switch {
	case err != nil || len(sum) != md5.Size:
		in.wrong("md5", codeValue, "must be an MD5: of this body in hexadecimal, or of the file in base64")
	case u.count == 1:
		u.bodyMD5 = sum
	default:
		u.fileMD5 = sum
	}
}

const (
	// maxChunks bounds what a plan may promise: 5 TB in the least chunks that the
	// documents allow.
	maxChunks = 1_000_000
	maxLength = wire.MaxInt
)

// readPart reads which piece of the file the request brings. A request without
// chunks brings all of it. One client was seen to send an offset in place of the
// numbers; it means the same where it is a multiple of chunksize. An empty file is
// one empty chunk.
func readPart(in *input, length int64) part {
	p := part{number: 1, count: 1, chunk: unknown, length: length, total: unknown}
	chunks, chunk := in.number("chunks", 0, maxChunks), in.number("chunk", 0, maxChunks-1)
	size, offset := in.number("chunksize", 1, maxLength), in.number("chunkoffset", 0, maxLength)
	if total := in.number("totalsize", 0, maxLength); total != nil {
		p.total = *total
	}
	if len(in.bad) > 0 {
		return p // what follows would only repeat it
	}
	if chunks != nil {
		p.count = max(int(*chunks), 1) // 0 of an empty file
	}
	if offset != nil && chunks == nil && size != nil && p.total != unknown {
		p.count = plannedChunks(p.total, *size)
		if p.count > maxChunks {
			in.wrong("chunksize", codeValue, "makes more than %d chunks", maxChunks)
			return p
		}
	}
	switch {
	case chunk != nil:
		p.number = int(*chunk) + 1
	case offset != nil && size != nil:
		p.number = int(min(*offset / *size, maxChunks)) + 1
	case offset != nil && *offset > 0:
		in.wrong("chunksize", codeMissing, "is required")
	case p.count > 1:
		in.wrong("chunk", codeMissing, "is required")
	}
	if p.count > 1 && size == nil {
		in.wrong("chunksize", codeMissing, "is required")
	}
	if p.number > p.count {
		name := "chunk"
		if chunk == nil {
			name = "chunkoffset"
		}
		in.wrong(name, codeValue, "must be one of %d chunks", p.count)
	}
	if size != nil && len(in.bad) == 0 {
		p.fit(in, *size, offset)
	}
	if p.count == 1 && p.total != unknown && len(in.bad) == 0 {
		if p.length != unknown && p.length != p.total {
			in.wrong("totalsize", codeValue, "is %d, but the body has %d bytes", p.total, p.length)
		}
		p.length = p.total
	}
	return p
}

// fit checks the part against the length of a chunk: every chunk but the last is
// exactly as long, the last has the rest.
func (p *part) fit(in *input, size int64, offset *int64) {
	if size > maxLength/int64(p.count) {
		in.wrong("chunksize", codeValue, "is too large for %d chunks", p.count)
		return
	}
	if p.count > 1 {
		p.chunk = size
	}
	before := int64(p.number-1) * size
	if offset != nil && *offset != before {
		in.wrong("chunkoffset", codeValue, "must be %d for this chunk", before)
	}
	if p.total != unknown && plannedChunks(p.total, size) != p.count {
		in.wrong("totalsize", codeValue, "makes %d chunks, not %d", plannedChunks(p.total, size), p.count)
		return
	}
	last := p.number == p.count
	want := int64(unknown)
	switch {
	case !last:
		want = size
	case p.total != unknown:
		want = p.total - before
	}
	switch {
	case p.length == unknown:
		p.length = want
	case want != unknown && p.length != want:
		in.wrong("chunksize", codeValue, "means %d bytes for this chunk, but the body has %d", want, p.length)
	case p.length > size:
		in.wrong("chunksize", codeValue, "is %d, but the body has %d bytes", size, p.length)
	case p.length == 0 && p.count > 1:
		in.wrong("chunks", codeValue, "counts a chunk without bytes")
	}
}

// plannedChunks gives the number of chunks of a file; an empty one has one.
func plannedChunks(total, size int64) int {
	if total == 0 {
		return 1
	}
	return int((total-1)/size + 1)
}

// A formFile gives the bytes of the one file of a form.
type formFile struct {
	form   *multiform
	names  []string // of the fields that matter
	fields params   // those before the file
	query  params
	err    error // what its bytes ended with
}

// find reads the fields up to the file, and gives the file's own name.
func (f *formFile) find() (filename string, err error) {
	for {
		part, err := f.form.next()
		switch {
		case err == io.EOF:
			return "", malformed("the form has no file")
		case err != nil:
			return "", err
		case part.isFile:
			return part.filename, nil
		}
		if err := f.form.field(f.fields, part); err != nil {
			return "", err
		}
	}
}

// Read gives the file's bytes, and ends well only when the form does.
func (f *formFile) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.form.Read(p)
	if errors.Is(err, io.EOF) {
		err = f.rest()
	}
	f.err = err
	return n, err
}

// rest reads what comes after the file: io.EOF when there is nothing in it that
// would have mattered.
func (f *formFile) rest() error {
	for {
		part, err := f.form.next()
		if err != nil {
			return err
		}
		if part.isFile {
			return malformed("the form has more than one file")
		}
		late := params{}
		if err := f.form.field(late, part); err != nil {
			return err
		}
		for name, texts := range late {
			if slices.Contains(f.names, name) && texts[0] != f.used(name) {
				return fault.New(fault.Invalid, codeLate, "%s comes after the file, where it is too late", name)
			}
		}
	}
}

// used gives the value that was gone by.
func (f *formFile) used(name string) string {
	if s := f.query.first(name); s != "" {
		return s
	}
	return f.fields.first(name)
}
