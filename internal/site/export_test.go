package site

import (
	"github.com/ferry-server/ferry/internal/archive"
	"github.com/ferry-server/ferry/internal/words"
)

// ForgetParcels forgets what was laid out, as if the node had just started.
func (h *Handler) ForgetParcels() {
	h.cfg.Parcels = archive.NewPacker(h.cfg.Uploads, words.English().Nameless, h.cfg.Look.Name)
}

// AssetRoot is the address that the names of assets go behind.
func (h *Handler) AssetRoot() string { return h.assets.root() }

// AgentName is what a person calls the program of a User-Agent header.
func AgentName(agent string) string { return agentName(agent) }
