package site

import (
	"net/http"
	"strconv"
	"time"

	"github.com/ferry-server/ferry/internal/account"
	"github.com/ferry-server/ferry/internal/traffic"
)

// TrafficPath is where administrators see what is stored, and what came in and went out.
const TrafficPath = AdminPath + "/traffic"

// daysShown is how many days a chart has.
const daysShown = 30

type trafficPage struct {
	adminFrame
	Facts  []string
	Charts []chart
	Days   []dayRow // the latest first
}

type dayRow struct{ Day, ISO, In, Out, Stored string }

// A chart is one of bars, each for a day, in a picture of chartWidth by chartHeight.
type chart struct {
	Title, Most string
	Bars        []bar
}

type bar struct {
	X, Y, Width, Height int
	Title               string
}

// Measures of a chart, in its own units. A bar and the gap behind it are chartStep wide.
const (
	chartStep   = 20
	chartBar    = 14
	chartHeight = 120
)

func (h *Handler) showTraffic(w http.ResponseWriter, r *http.Request, _ *account.Account) error {
	ctx, say := r.Context(), h.say(r)
	days, err := h.cfg.Traffic.Since(ctx, daysShown)
	if err != nil {
		return err
	}
	p := trafficPage{adminFrame: h.adminFrame(r)}
	today := days[len(days)-1]
	p.Facts = []string{say.Admin.Stored + ": " + say.Size(today.Stored)}
	if space, err := h.cfg.Blobs.Space(ctx); err != nil {
		return err
	} else if space.Free >= 0 {
		p.Facts = append(p.Facts, say.Admin.Free+": "+say.Account.UsedOf(say.Size(space.Free), say.Size(space.Total)))
	}
	for _, c := range []struct {
		title string
		of    func(traffic.Day) int64
	}{
		{say.Admin.Stored, func(d traffic.Day) int64 { return d.Stored }},
		{say.Admin.In, func(d traffic.Day) int64 { return d.In }},
		{say.Admin.Out, func(d traffic.Day) int64 { return d.Out }},
	} {
		p.Charts = append(p.Charts, drawChart(c.title, days, c.of, say.Size))
	}
	for i := range days {
		d := days[len(days)-1-i]
		iso := d.Day.Time().Format(time.DateOnly)
		p.Days = append(p.Days, dayRow{Day: iso, ISO: iso, In: say.Size(d.In), Out: say.Size(d.Out), Stored: say.Size(d.Stored)})
	}
	return h.show(w, r, http.StatusOK, "traffic", p)
}

// drawChart lays out a bar for each day, the highest as high as the picture. A bar of
// anything at all is seen.
func drawChart(title string, days []traffic.Day, of func(traffic.Day) int64, size func(int64) string) chart {
	most := int64(0)
	for _, d := range days {
		most = max(most, of(d))
	}
	c := chart{Title: title, Most: size(most)}
	for i, d := range days {
		n := of(d)
		high := 0
		if n > 0 {
			high = max(1, int(float64(n)/float64(most)*chartHeight))
		}
		c.Bars = append(c.Bars, bar{
			X: i * chartStep, Y: chartHeight - high, Width: chartBar, Height: high,
			Title: d.Day.Time().Format(time.DateOnly) + ": " + size(n),
		})
	}
	return c
}

// Box is the picture's view box.
func (c chart) Box() string {
	return "0 0 " + strconv.Itoa(len(c.Bars)*chartStep-(chartStep-chartBar)) + " " + strconv.Itoa(chartHeight)
}
