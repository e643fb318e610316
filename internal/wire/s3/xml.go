package s3

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/ferry-server/ferry/internal/fault"
)

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// timeFormat is how S3 writes moments in XML.
const timeFormat = "2006-01-02T15:04:05.000Z"

// Bodies of requests: 10,000 parts with their checksums have 2 MB; nothing in
// them is nested deeper than three.
const (
	maxXML   = 4 << 20
	maxDepth = 8
)

type owner struct {
	ID string
}

type listBucketsBody struct {
	XMLName xml.Name `xml:"ListAllMyBucketsResult"`
	XMLNS   string   `xml:"xmlns,attr"`
	Owner   owner
	Buckets []bucketBody `xml:"Buckets>Bucket"`
}

type bucketBody struct {
	Name         string
	CreationDate string
}

// locationBody is empty for us-east-1.
type locationBody struct {
	XMLName xml.Name `xml:"LocationConstraint"`
	XMLNS   string   `xml:"xmlns,attr"`
}

type listBody struct {
	XMLName      xml.Name `xml:"ListBucketResult"`
	XMLNS        string   `xml:"xmlns,attr"`
	Name         string
	Prefix       string
	Delimiter    string `xml:",omitempty"`
	MaxKeys      int
	EncodingType string `xml:",omitempty"`
	IsTruncated  bool

	// Of version 1, where it has a marker; of version 2, where keys are counted.
	Marker                *string
	NextMarker            string `xml:",omitempty"`
	KeyCount              *int
	ContinuationToken     string `xml:",omitempty"`
	NextContinuationToken string `xml:",omitempty"`
	StartAfter            string `xml:",omitempty"`

	Contents       []contentBody
	CommonPrefixes []prefixBody
}

type contentBody struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
	Owner        *owner
	StorageClass string
}

type prefixBody struct {
	Prefix string
}

type createUploadBody struct {
	XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
	XMLNS    string   `xml:"xmlns,attr"`
	Bucket   string
	Key      string
	UploadID string `xml:"UploadId"`
}

type listPartsBody struct {
	XMLName              xml.Name `xml:"ListPartsResult"`
	XMLNS                string   `xml:"xmlns,attr"`
	Bucket               string
	Key                  string
	UploadID             string `xml:"UploadId"`
	Initiator            owner
	Owner                owner
	StorageClass         string
	PartNumberMarker     int
	NextPartNumberMarker int
	MaxParts             int
	IsTruncated          bool
	Part                 []partBody
}

type partBody struct {
	PartNumber    int
	LastModified  string
	ETag          string
	Size          int64
	ChecksumCRC32 string
}

type completeBody struct {
	XMLName  xml.Name `xml:"CompleteMultipartUploadResult"`
	XMLNS    string   `xml:"xmlns,attr"`
	Location string
	Bucket   string
	Key      string
	ETag     string
}

// A completeRequest lists the parts that make up the object.
type completeRequest struct {
	XMLName xml.Name     `xml:"CompleteMultipartUpload"`
	Parts   []chosenPart `xml:"Part"`
}

type chosenPart struct {
	PartNumber    int
	ETag          string
	ChecksumCRC32 string
}

// parseComplete reads the body of CompleteMultipartUpload: Invalid
// "malformed_xml", or "part_order" when its numbers do not ascend.
func parseComplete(body string) (*completeRequest, error) {
	var req completeRequest
	src := &tokens{raw: xml.NewDecoder(strings.NewReader(body))}
	err := xml.NewTokenDecoder(src).Decode(&req)
	if err == nil && len(req.Parts) == 0 {
		err = errors.New("no parts")
	}
	if err == nil {
		err = src.end()
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "malformed_xml", err, "the list of parts is not what S3 specifies")
	}
	for i, p := range req.Parts {
		if p.PartNumber < 1 {
			return nil, fault.New(fault.Invalid, "part_number", "part %d has the number %d", i+1, p.PartNumber)
		}
		if i > 0 && p.PartNumber <= req.Parts[i-1].PartNumber {
			return nil, fault.New(fault.Invalid, "part_order", "the numbers of the parts do not ascend")
		}
	}
	return &req, nil
}

// tokens are those of an outside document: without a DTD, so that no entity means
// more than itself, and not deep.
type tokens struct {
	raw   *xml.Decoder
	depth int
}

// Token implements xml.TokenReader.
func (t *tokens) Token() (xml.Token, error) {
	token, err := t.raw.Token()
	switch token.(type) {
	case xml.StartElement:
		if t.depth++; t.depth > maxDepth {
			return nil, errors.New("too deep")
		}
	case xml.EndElement:
		t.depth--
	case xml.Directive:
		return nil, errors.New("document type declarations are not taken")
	}
	return token, err
}

// end returns nil when nothing but space and comments follows.
func (t *tokens) end() error {
	for {
		token, err := t.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		text, isText := token.(xml.CharData)
		_, isComment := token.(xml.Comment)
		if !isComment && !(isText && strings.TrimSpace(string(text)) == "") {
			return errors.New("something follows the document")
		}
	}
}
