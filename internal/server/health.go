package server

import (
	"context"
	"net/http"
	"time"

	"github.com/ferry-server/ferry/internal/wire"
)

// readyWithin is how long /readyz waits for the node to say how it is.
const readyWithin = 5 * time.Second

// health gives the handler of an operator's request, nil for all others.
func (s *Server) health(r *http.Request) http.HandlerFunc {
	switch r.URL.Path {
	case "/healthz":
		return s.healthz
	case "/readyz":
		return s.readyz
	}
	return nil
}

// healthz tells that the process answers: an orchestrator restarts it otherwise,
// which helps against nothing else.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	answerHealth(w, r, "")
}

// readyz tells whether to send requests here. Why not, in detail, is for the log:
// anybody may ask.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.draining.Load():
		answerHealth(w, r, "draining")
		return
	case s.cfg.Maintenance:
		answerHealth(w, r, CodeMaintenance)
		return
	case s.cfg.Ready != nil:
		ctx, cancel := context.WithTimeout(r.Context(), readyWithin)
		defer cancel()
		if err := s.cfg.Ready(ctx); err != nil {
			s.log.WarnContext(ctx, "not ready", "err", err)
			answerHealth(w, r, "store")
			return
		}
	}
	answerHealth(w, r, "")
}

// answerHealth answers 200, or 503 when there is a reason.
func answerHealth(w http.ResponseWriter, r *http.Request, reason string) {
	body := struct {
		Status string `json:"status"`
		Reason string `json:"reason,omitempty"`
	}{"ok", reason}
	status := http.StatusOK
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		status, body.Status, body.Reason = http.StatusMethodNotAllowed, "error", "method"
	case reason != "":
		status, body.Status = http.StatusServiceUnavailable, "unavailable"
	}
	w.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(w, status, body)
}
