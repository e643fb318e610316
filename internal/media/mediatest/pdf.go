// Package mediatest makes small documents for tests: pages with a line of text, and a
// picture that is huge once it is unpacked. What is done with them is others'. Start at PDF.
package mediatest

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
)

// A Sheet is a page: its measures in points (A4 when they are 0), how it is turned, and
// a line of plain text on it.
type Sheet struct {
	Width, Height, Rotate int
	Text                  string
}

// PDF makes a document of sheets.
func PDF(sheets ...Sheet) []byte {
	objects := []string{"", "", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"}
	kids := ""
	for _, s := range sheets {
		if s.Width == 0 {
			s.Width, s.Height = 595, 842
		}
		text := fmt.Sprintf("BT /F 40 Tf 20 %d Td (%s) Tj ET", s.Height/2, s.Text)
		page := len(objects) + 1
		kids += fmt.Sprintf("%d 0 R ", page)
		objects = append(objects,
			fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Rotate %d/Contents %d 0 R/Resources<</Font<</F 3 0 R>>>>>>", s.Width, s.Height, s.Rotate, page+1),
			stream("", []byte(text)))
	}
	objects[0] = "<</Type/Catalog/Pages 2 0 R>>"
	objects[1] = fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", kids, len(sheets))
	return document(objects)
}

// Image makes a document with one page and a picture of so many black points on it, which
// is small as it is packed.
func Image(width, height int) []byte {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	row := make([]byte, 3*width)
	for range height {
		_, _ = z.Write(row)
	}
	_ = z.Close()
	return document([]string{
		"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>",
		stream("", []byte("595 0 0 842 0 0 cm /I Do")),
		stream(fmt.Sprintf("/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/FlateDecode", width, height), packed.Bytes()),
	})
}

func stream(entries string, content []byte) string {
	return fmt.Sprintf("<<%s/Length %d>>stream\n%s\nendstream", entries, len(content), content)
}

func document(objects []string) []byte {
	var out bytes.Buffer
	_, _ = io.WriteString(&out, "%PDF-1.4\n")
	at := make([]int, len(objects))
	for i, o := range objects {
		at[i] = out.Len()
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, offset := range at {
		fmt.Fprintf(&out, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&out, "trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, xref)
	return out.Bytes()
}
