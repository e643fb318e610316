package native

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/ferry-server/ferry/internal/fault"
	"github.com/ferry-server/ferry/internal/id"
	"github.com/ferry-server/ferry/internal/transfer"
	"github.com/ferry-server/ferry/internal/upload"
	"github.com/ferry-server/ferry/internal/wire"
)

// leastPart is how long parts are where the file does not need longer ones to have at
// most upload.MaxParts of them. A part that broke off is sent again from its start, so
// it is not more than a phone sends in some seconds.
const leastPart = 8 << 20

// partSize plans a file.
func partSize(size int64) int64 {
	part := int64(leastPart)
	for (size-1)/part >= upload.MaxParts {
		part *= 2
	}
	return part
}

type fileBody struct {
	ID       upload.ID `json:"id"`
	Name     string    `json:"name"`
	Ref      string    `json:"ref,omitempty"`
	Size     *int64    `json:"size"`
	State    string    `json:"state"`
	Received int64     `json:"received"`
	PartSize int64     `json:"part_size"`
	Parts    int       `json:"parts"`
	Missing  [][2]int  `json:"missing"`
	Upload   string    `json:"upload_url"`
	CRC32    string    `json:"crc32,omitempty"`
}

// mostGaps is how many ranges of missing parts one answer tells.
const mostGaps = 1000

func (h *Handler) fileBody(ctx context.Context, f *upload.File) (fileBody, error) {
	b := fileBody{
		ID: f.ID, Name: f.Name, Received: f.Got, PartSize: f.Chunk, Parts: f.Planned(), Missing: [][2]int{},
		Upload: h.BaseURL() + "/files/" + string(f.ID),
		State:  map[upload.State]string{upload.Open: "open", upload.Complete: "complete", upload.Deleted: "deleted"}[f.State],
	}
	if f.Size != upload.Unknown {
		b.Size = &f.Size
		if f.Chunk == 0 {
			b.PartSize = f.Size // one part is all
		}
	} else {
		b.Parts = 0 // they are sent to upload_url
	}
	if f.State == upload.Complete {
		b.CRC32 = fmt.Sprintf("%08x", f.Sum)
		return b, nil
	}
	if b.Parts == 0 {
		return b, nil
	}
	gaps, err := h.Uploads.Missing(ctx, f, mostGaps)
	b.Missing = append(b.Missing, gaps...)
	return b, err
}

// announce makes the files of a transfer, and finds those that it has already.
func (h *Handler) announce(c *call, t *transfer.Transfer, files []newFile) ([]fileBody, error) {
	key := h.Desk.Key(t)
	out := make([]fileBody, 0, len(files))
	for i, f := range files {
		form := transfer.FileForm{ID: upload.ID(h.IDs.Text(id.Base62, idLen)), Name: f.Name, Loose: f.Size == nil}
		if len(f.Ref) > 200 {
			return nil, invalid(fmt.Sprintf("files[%d].ref", i), "too_long", "must have at most 200 characters")
		}
		if f.Size != nil {
			if *f.Size < 0 || *f.Size > maxInt {
				return nil, invalid(fmt.Sprintf("files[%d].size", i), "size_invalid", "must be a number of bytes")
			}
			form.Size, form.Chunk = *f.Size, partSize(*f.Size)
			form.Count = upload.PlannedParts(form.Size, form.Chunk)
			if form.Count == 1 {
				form.Chunk = 0
			}
		}
		file, err := h.Desk.OpenFile(c.ctx(), t.ID, key, form)
		if err != nil {
			return nil, err
		}
		b, err := h.fileBody(c.ctx(), file)
		if err != nil {
			return nil, err
		}
		b.Ref = f.Ref
		out = append(out, b)
	}
	return out, nil
}

func (h *Handler) addFiles(c *call) (any, error) {
	var in struct {
		Files []newFile `json:"files"`
	}
	if err := c.read(&in, filesLimit); err != nil {
		return nil, err
	}
	t, err := h.holder(c)
	if err != nil {
		return nil, err
	}
	if len(in.Files) == 0 || len(in.Files) > h.MaxFiles {
		return nil, invalid("files", "too_many_files", fmt.Sprintf("must be between 1 and %d", h.MaxFiles))
	}
	all, err := h.announce(c, t, in.Files)
	if err != nil {
		return nil, err
	}
	return list[fileBody]{Items: all}, nil
}

func (h *Handler) listFiles(c *call) (any, error) {
	t, err := h.holder(c)
	if err != nil {
		return nil, err
	}
	cursor, limit, err := c.place()
	if err != nil {
		return nil, err
	}
	all, err := h.Uploads.FilesAfter(c.ctx(), &t.Share, upload.Key(cursor), limit+1)
	if err != nil {
		return nil, err
	}
	out := list[fileBody]{Items: []fileBody{}}
	for i, f := range all {
		if i == limit {
			out.Next = string(all[i-1].Key)
			break
		}
		if f.State == upload.Deleted {
			continue
		}
		b, err := h.fileBody(c.ctx(), f)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, b)
	}
	return out, nil
}

// file finds the file of the path for who may fill it.
func (h *Handler) file(c *call) (*upload.File, error) {
	f, err := h.Desk.HolderFile(c.ctx(), c.asker(), c.key, upload.ID(c.r.PathValue("file")))
	return f, h.miss(c, err)
}

func (h *Handler) getFile(c *call) (any, error) {
	f, err := h.file(c)
	if err != nil {
		return nil, err
	}
	return h.fileBody(c.ctx(), f)
}

func (h *Handler) renameFile(c *call) (any, error) {
	var in struct {
		Name string `json:"name"`
	}
	if err := c.read(&in, bodyLimit); err != nil {
		return nil, err
	}
	f, err := h.Desk.RenameFile(c.ctx(), c.asker(), upload.ID(c.r.PathValue("file")), in.Name)
	if err != nil {
		return nil, h.miss(c, err)
	}
	return h.fileBody(c.ctx(), f)
}

func (h *Handler) deleteFile(c *call) (any, error) {
	return nil, h.miss(c, h.Desk.DeleteFile(c.ctx(), c.asker(), upload.ID(c.r.PathValue("file"))))
}

type partBody struct {
	Number int    `json:"number"`
	Size   int64  `json:"size"`
	CRC32  string `json:"crc32"`
}

// putPart takes a part. When it is answered with 200, it is on stable storage.
func (h *Handler) putPart(c *call) (any, error) {
	f, err := h.file(c)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(c.r.PathValue("number"))
	if err != nil || number < 1 {
		return nil, fault.New(fault.Invalid, "part_number", "parts are numbered from 1")
	}
	if f.Size == upload.Unknown {
		return nil, fault.New(fault.Conflict, "file_plan", "the file's size is not known: send it to its upload_url")
	}
	p := upload.Put{
		Account: f.Home.Owner.Account, File: f.ID, Upload: f.Upload, Number: number, Length: c.r.ContentLength,
		Body: wire.Paced(c.w, c.r), Again: true,
	}
	if s := c.r.Header.Get("Content-MD5"); s != "" {
		if p.WantMD5, err = base64.StdEncoding.DecodeString(s); err != nil || len(p.WantMD5) != 16 {
			return nil, invalid("Content-MD5", "header_invalid", "must be an MD5 in base64")
		}
	}
	if s := c.r.Header.Get("Ferry-CRC32"); s != "" {
		b, err := hex.DecodeString(s)
		if err != nil || len(b) != 4 {
			return nil, invalid("Ferry-CRC32", "header_invalid", "must be 8 hex digits")
		}
		p.WantCRC = new(uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]))
	}
	part, err := h.Uploads.Put(c.ctx(), p)
	if err != nil {
		return nil, err
	}
	return partBody{part.Number, part.Length, fmt.Sprintf("%08x", part.CRC)}, nil
}
