package main

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// The chart is for light and dark backgrounds alike.
const (
	chartWidth  = 860
	labelWidth  = 330
	valueWidth  = 110
	rowHeight   = 20
	headHeight  = 30
	ownColour   = "#2f7ed8"
	otherColour = "#9aa4ae"
	textColour  = "#6b7480"
)

// writeChart draws, for each metric that has a goal beside a reference, a bar for the median of each side and a line from its
// minimum to its maximum.
func (r *report) writeChart(w io.Writer) {
	var body strings.Builder
	y := 24
	text := func(x, y int, anchor, weight, content string) {
		fmt.Fprintf(&body, `<text x="%d" y="%d" text-anchor="%s" font-weight="%s">%s</text>`+"\n", x, y, anchor, weight, html.EscapeString(content))
	}
	text(8, y, "start", "bold", fmt.Sprintf("%s, %s", r.Date, r.Machine))
	for _, result := range r.Results {
		for _, m := range result.Metrics {
			if !result.compares(m.Name) {
				continue
			}
			y += headHeight
			text(8, y, "start", "bold", result.Name+": "+m.Name)
			most := 0.0
			for _, s := range m.Sides {
				most = max(most, s.max())
			}
			scale := float64(chartWidth-labelWidth-valueWidth) / most
			for _, s := range m.Sides {
				y += rowHeight
				colour := otherColour
				if strings.HasPrefix(s.Name, "Signet") {
					colour = ownColour
				}
				text(labelWidth-10, y, "end", "normal", s.Name)
				fmt.Fprintf(&body, `<rect x="%d" y="%d" width="%.1f" height="12" fill="%s"/>`+"\n", labelWidth, y-11, s.median()*scale, colour)
				fmt.Fprintf(&body, `<path d="M%.1f %dh%.1f" stroke="%s" stroke-width="2"/>`+"\n",
					float64(labelWidth)+s.min()*scale, y-5, (s.max()-s.min())*scale, textColour)
				text(chartWidth-8, y, "end", "normal", fmt.Sprintf("%.4g", s.median()))
			}
		}
	}
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="13" fill="%s">`+"\n%s</svg>\n",
		chartWidth, y+16, textColour, body.String())
}

// compares tells whether a goal of this metric is a share of a reference's.
func (r *result) compares(metric string) bool {
	for _, g := range r.goals {
		if g.metric == metric && g.reference != "" {
			return true
		}
	}
	return false
}
