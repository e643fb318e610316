package tus

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"mime"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
	"github.com/ferry-server/ferry/internal/words"
)

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// boolean is a structured field's (RFC 9651, 3.3.6).
func boolean(b bool) string {
	if b {
		return "?1"
	}
	return "?0"
}

func parseBoolean(s string) (b, ok bool) {
	s = strings.Trim(s, " ")
	return s == "?1", s == "?1" || s == "?0"
}

// number reads a header that is a length or a place; nil if it is absent. Both
// protocols write digits alone.
func (r *request) number(name string) (*int64, error) {
	values := r.Header.Values(name)
	if len(values) == 0 {
		return nil, nil
	}
	s := strings.Trim(values[0], " ")
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || len(values) > 1 || n < 0 || n > wire.MaxInt || s[0] == '+' {
		return nil, fault.New(fault.Invalid, "header_invalid", "the header %s must be a number of bytes", name)
	}
	return &n, nil
}

// lengths is what a request says of its body and its file.
type lengths struct {
	size      int64 // of the file; upload.Unknown: not said
	body      bool  // bytes come along
	final     bool  // with the body the file is there whole
	resumable bool  // the client knows how to go on with what was cut
}

func (r *request) lengths(creates bool) (l lengths, err error) {
	l = lengths{size: upload.Unknown, body: r.ContentLength != 0, resumable: true}
	size, err := r.number(uploadLength)
	if err != nil {
		return l, err
	}
	if size != nil {
		l.size = *size
	}
	if r.tus {
		later := r.Header.Get(uploadDefer)
		switch {
		case later != "" && later != "1":
			return l, fault.New(fault.Invalid, "header_invalid", "the header %s can only be 1", uploadDefer)
		case creates && (later == "") == (size == nil):
			return l, fault.New(fault.Invalid, "length_missing", "either %s or %s must be there", uploadLength, uploadDefer)
		}
		if creates {
			l.body = l.body && strings.HasPrefix(r.Header.Get("Content-Type"), appendType)
		}
		return l, nil
	}
	if l.final, l.resumable, err = r.isFinal(); err != nil {
		return l, err
	}
	if !l.resumable && !creates {
		return l, fault.New(fault.Invalid, "header_invalid", "the header %s is missing", uploadComplete)
	}
	l.final = l.final || !l.resumable
	if creates && l.final && r.ContentLength >= 0 {
		if size != nil && *size != r.ContentLength {
			return l, fault.New(fault.Invalid, "length_inconsistent", "the header %s is not the length of the body", uploadLength)
		}
		l.size = r.ContentLength
	}
	return l, nil
}

// isFinal reads whether the body is the end of the file, and whether the client says so
// at all. The draft's first versions said the opposite.
func (r *request) isFinal() (final, said bool, err error) {
	for _, h := range []struct {
		name string
		same bool
	}{{uploadComplete, true}, {uploadIncomplete, false}} {
		if s := r.Header.Get(h.name); s != "" {
			b, ok := parseBoolean(s)
			if !ok {
				return false, false, fault.New(fault.Invalid, "header_invalid", "the header %s must be ?0 or ?1", h.name)
			}
			return b == h.same, true, nil
		}
	}
	return false, false, nil
}

// interop answers which version of the draft is spoken: a client's own, if it is one
// of those whose headers are understood.
func interop(v string) string {
	if n, err := strconv.Atoi(v); err == nil && n >= 3 && n <= 8 {
		return strconv.Itoa(n)
	}
	return "8"
}

const maxName = 255 // characters of a file's name

// name reads what the file is called: of tus's metadata, or of the header in which HTTP
// has it.
func (r *request) name() (string, error) {
	name := string(r.file) // of a PUT
	if r.tus {
		all, err := parseMetadata(r.Header.Get(uploadMetadata))
		if err != nil {
			return "", err
		}
		// As tus-js-client and Uppy call it.
		for _, key := range []string{"filename", "name"} {
			if name == "" {
				name = all[key]
			}
		}
	} else if d := r.Header.Get("Content-Disposition"); d != "" {
		_, params, err := mime.ParseMediaType(d)
		if err != nil {
			return "", fault.New(fault.Invalid, "header_invalid", "the header Content-Disposition cannot be read")
		}
		name = params["filename"]
	}
	return cleanName(name), nil
}

// cleanName makes a name of what a client says: the last segment of a path, as it may
// be shown.
func cleanName(s string) string {
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	s = strings.TrimSpace(words.Shown(s))
	if r := []rune(s); len(r) > maxName {
		s = strings.TrimSpace(string(r[:maxName]))
	}
	if strings.Trim(s, ". ") == "" {
		return "file"
	}
	return s
}

// parseMetadata reads pairs of a key and a value in base64, separated by commas (tus,
// Upload-Metadata).
func parseMetadata(s string) (map[string]string, error) {
	all := map[string]string{}
	if s == "" {
		return all, nil
	}
	for pair := range strings.SplitSeq(s, ",") {
		key, coded, _ := strings.Cut(strings.Trim(pair, " "), " ")
		value, err := base64.StdEncoding.DecodeString(strings.Trim(coded, " "))
		if _, twice := all[key]; err != nil || key == "" || twice || !utf8.Valid(value) {
			return nil, fault.New(fault.Invalid, "metadata_invalid", "the header %s must be keys, each once, with values in base64", uploadMetadata)
		}
		all[key] = string(value)
	}
	return all, nil
}

func metadata(name string) string {
	return "filename " + base64.StdEncoding.EncodeToString([]byte(name))
}

// algorithms are those of Upload-Checksum. A server must have sha1 (tus, Checksum).
var algorithms = map[string]func() hash.Hash{
	"sha1": sha1.New, "md5": md5.New, "sha256": sha256.New, "crc32": func() hash.Hash { return crc32.NewIEEE() },
}

func algorithmNames() string {
	var names []string
	for name := range algorithms {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

// A sum is what a body must have.
type sum struct {
	hash.Hash
	want []byte
}

func (s *sum) verify() error {
	if subtle.ConstantTimeCompare(s.Sum(nil), s.want) == 1 {
		return nil
	}
	return fault.New(fault.Invalid, "checksum_mismatch", "the body is not what its checksum says")
}

// checksum reads what the body must be; nil where nothing is said.
func (r *request) checksum() (*sum, error) {
	s := r.Header.Get(uploadChecksum)
	if s == "" || !r.tus {
		return nil, nil
	}
	name, coded, _ := strings.Cut(s, " ")
	make, known := algorithms[name]
	if !known {
		return nil, fault.New(fault.Invalid, "checksum_unknown", "checksums here are %s", algorithmNames())
	}
	want, err := base64.StdEncoding.DecodeString(coded)
	if err != nil || len(want) != make().Size() {
		return nil, fault.New(fault.Invalid, "header_invalid", "the header %s must be an algorithm and its sum in base64", uploadChecksum)
	}
	return &sum{make(), want}, nil
}
