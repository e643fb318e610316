package filemail

// Jobs that make a zip of all files. The calls and their properties are guesses in the
// style of 2.0. There is nothing to wait for here: where each byte of a zip is follows
// from names, lengths and checksums, which a complete file has. So a job is over as
// soon as it is begun, no job is kept, and its id is that of its transfer.

// A zipJob tells where the zip can be had.
type zipJob struct {
	ID     string  `json:"jobid"`
	Status string  `json:"status"`
	Zip    *string `json:"compressedfileurl"` // null: the transfer cannot be downloaded just now
	Format string  `json:"compressedfileformat"`
}

// zip begins a job, or tells of one: both is the same.
func (h *Handler) zip(c *call) (any, error) {
	tid := c.transferID()
	if err := c.in.err(); err != nil {
		return nil, err
	}
	if err := h.zippable(c, tid, ""); err != nil {
		return nil, err
	}
	o, err := h.detailOf(c, reference{id: tid}, "", 0, nil)
	if err != nil {
		return nil, err
	}
	return zipJob{ID: string(tid), Status: stateComplete, Zip: o.Zip, Format: "zip"}, nil
}

// endZip cancels a job. It is over, so that changes nothing.
func (h *Handler) endZip(c *call) (any, error) {
	tid := c.transferID()
	if err := c.in.err(); err != nil {
		return nil, err
	}
	return nil, h.zippable(c, tid, "")
}
