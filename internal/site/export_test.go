package site

// ForgetParcels empties the shelf, as if the node had just started.
func (h *Handler) ForgetParcels() { h.parcels = &shelf{} }

// AssetRoot is the address that the names of assets go behind.
func (h *Handler) AssetRoot() string { return h.assets.root() }
