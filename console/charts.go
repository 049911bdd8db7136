package console

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-analyze/charts"

	"github.com/choriste/choriste/operate"
)

// Pictures of numbers. A picture's address holds the numbers that it draws, so that it is drawn without a query, and changes with them. They are drawn as floats; what is reckoned with stays in
// the pages, as a table beside the picture. It is loaded as an image, which runs nothing and whose styles are its own, in the colours of the reader's system.

// chart is a picture: the same one wide and narrow, light and dark.
type chart struct {
	Alt                                string
	Wide, WideDark, Narrow, NarrowDark string
	WideWidth, NarrowWidth, Height     int
}

const (
	wideChart, narrowChart = 960, 420
	// mostBars is how many bars a picture has.
	mostBars = 48
)

func newChart(alt, kind, lang string, q url.Values) *chart {
	q.Set("in", lang)
	at := func(width int, dark string) string {
		q.Set("width", strconv.Itoa(width))
		q.Set("dark", dark)
		return "/charts/" + kind + ".svg?" + q.Encode()
	}
	c := &chart{Alt: alt, WideWidth: wideChart, NarrowWidth: narrowChart, Height: chartHeight(kind, len(strings.Split(q.Get("a"), ",")))}
	c.Wide, c.WideDark, c.Narrow, c.NarrowDark = at(wideChart, ""), at(wideChart, "1"), at(narrowChart, ""), at(narrowChart, "1")
	return c
}

func chartHeight(kind string, bars int) int {
	if kind == "flow" {
		return 260
	}
	return 70 + 26*bars
}

// draw answers with the picture that its address describes.
func draw(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	kind := strings.TrimSuffix(r.PathValue("chart"), ".svg")
	v := view{r, q.Get("in")}
	drawing := drawings[kind]
	var series [][]float64
	ok := drawing != nil
	for _, key := range []string{"a", "b"} {
		if q.Has(key) {
			list, right := numbers(q.Get(key))
			ok = ok && right && (len(series) == 0 || len(list) == len(series[0]))
			series = append(series, list)
		}
	}
	if !ok || len(series) == 0 {
		http.NotFound(w, r)
		return
	}
	width := wideChart
	if q.Get("width") == strconv.Itoa(narrowChart) {
		width = narrowChart
	}
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: width, Height: chartHeight(kind, len(series[0]))})
	opt := charts.NewBarChartOptionWithData(series)
	opt.Theme = chartTheme(q.Get("dark") != "")
	opt.Padding = charts.NewBox(8, 8, 12, 4)
	small := charts.NewFontStyleWithSize(11)
	opt.CategoryAxis.LabelFontStyle, opt.Legend.FontStyle = small, small
	opt.ValueAxis = []charts.ValueAxisOption{{Min: charts.Ptr(0.0), LabelFontStyle: small, ValueFormatter: v.axis}}
	opt.ValueFormatter = v.axis
	if !drawing(v, q, &opt, len(series[0])) {
		http.NotFound(w, r)
		return
	}
	err := p.BarChart(opt)
	var picture []byte
	if err == nil {
		picture, err = p.Bytes()
	}
	if err != nil {
		http.Error(w, "These numbers cannot be drawn.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox") // its styles are attributes; it holds nobody's text
	w.Header().Set("Cache-Control", "private, max-age=3600")
	_, _ = w.Write(picture)
}

// drawings are the kinds of pictures. Each names its bars and series, and tells whether its address has what it needs.
var drawings = map[string]func(v view, q url.Values, opt *charts.BarChartOption, bars int) bool{
	"flow": func(v view, q url.Values, opt *charts.BarChartOption, bars int) bool {
		from, err := strconv.ParseInt(q.Get("from"), 10, 64)
		if err != nil || from < 0 || from > math.MaxInt32*2 || !q.Has("b") {
			return false
		}
		for k := range bars {
			opt.CategoryAxis.Labels = append(opt.CategoryAxis.Labels, time.Unix(from, 0).Add(time.Duration(k)*time.Hour).Format(v.t("15:04", "15 h")))
		}
		opt.ValueAxis[0].ValueFormatter = func(n float64) string { // there are no half invoices
			if n != math.Trunc(n) {
				return ""
			}
			return v.axis(n)
		}
		opt.Legend.SeriesNames = []string{v.t("deposited", "déposées"), v.t("integrated", "intégrées")}
		return true
	},
	"open": func(v view, q url.Values, opt *charts.BarChartOption, bars int) bool {
		var names []string
		for _, stage := range operate.Stages {
			names = append(names, v.word(shortStages[stage]))
		}
		return lying(v, opt, names, bars)
	},
	"delays": func(v view, q url.Values, opt *charts.BarChartOption, bars int) bool {
		names := strings.Split(q.Get("of"), ",")
		for _, siret := range names {
			if !sirenOrSIRET.MatchString(siret) {
				return false
			}
		}
		return lying(v, opt, names, bars)
	},
}

// lying has the bars lie, the first one on top, with their names before and their numbers behind them.
func lying(v view, opt *charts.BarChartOption, names []string, bars int) bool {
	if len(names) != bars || len(opt.SeriesList) != 1 {
		return false
	}
	for _, name := range slices.Backward(names) {
		opt.CategoryAxis.Labels = append(opt.CategoryAxis.Labels, name+"   ") // room: the reader's font may be wider than the one that it is measured in
	}
	opt.Horizontal, opt.Legend.Show = true, charts.Ptr(false)
	s := &opt.SeriesList[0]
	slices.Reverse(s.Values)
	s.Label.Show, s.Label.ValueFormatter = charts.Ptr(true), v.axis
	return true
}

var shortStages = map[string]word{
	"not_started": {"not started", "pas démarré"}, "stopped": {"stopped", "suspendu"}, "in_time": {"in time", "dans le délai"}, "due_soon": {"15 days left", "sous 15 jours"},
	"late_30": {"1–30 days late", "retard 1–30 j"}, "late_60": {"31–60 days late", "retard 31–60 j"}, "late_90": {"61–90 days late", "retard 61–90 j"}, "late_more": {"more than 90", "au-delà de 90 j"},
}

var number = regexp.MustCompile(`^-?[0-9]{1,13}(\.[0-9])?$`)

// numbers reads those of an address.
func numbers(text string) (list []float64, ok bool) {
	parts := strings.Split(text, ",")
	if len(parts) > mostBars {
		return nil, false
	}
	for _, part := range parts {
		if !number.MatchString(part) {
			return nil, false
		}
		n, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return nil, false
		}
		list = append(list, n)
	}
	return list, true
}

// axis is a number beside a picture: short, for money is in the table.
func (v view) axis(n float64) string {
	for _, u := range []struct {
		from float64
		text string
	}{{1e9, v.t(" bn", " Md")}, {1e6, " M"}, {1e4, " k"}} {
		if math.Abs(n) >= u.from {
			factor := u.from
			if u.from == 1e4 {
				factor = 1e3
			}
			return v.decimals(n/factor) + u.text
		}
	}
	return v.decimals(n)
}

func (v view) decimals(n float64) string {
	return strings.Replace(strconv.FormatFloat(math.Round(n*10)/10, 'f', -1, 64), ".", v.t(".", ","), 1)
}

// chartTheme has the colours of style.css.
func chartTheme(dark bool) charts.ColorPalette {
	hex := charts.ParseColor
	if dark {
		return charts.MakeTheme(charts.ThemeOption{
			IsDarkMode: true, AxisStrokeColor: hex("#a6adb6"), AxisSplitLineColor: hex("#363b42"), BackgroundColor: charts.ColorTransparent, TextColor: hex("#e8eaed"),
			SeriesColors: []charts.Color{hex("#8db8f0"), hex("#f0b35e")},
		})
	}
	return charts.MakeTheme(charts.ThemeOption{
		AxisStrokeColor: hex("#5b616a"), AxisSplitLineColor: hex("#dcdfe3"), BackgroundColor: charts.ColorTransparent, TextColor: hex("#1c1e21"),
		SeriesColors: []charts.Color{hex("#1d4f91"), hex("#c26a00")},
	})
}

const (
	// flowHours is how many hours are drawn, the one that goes on included; flowLasts is how long they are shown.
	flowHours, flowLasts = 24, time.Minute
)

// flows are known by the accounts that they are of.
type flows struct {
	mu   sync.Mutex
	list map[string]*flow
}

// mostFlows is how many are kept; another one then begins anew.
const mostFlows = 100

func (s *flows) of(key string) *flow {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list[key] == nil {
		if len(s.list) >= mostFlows {
			clear(s.list)
		}
		s.list[key] = &flow{}
	}
	return s.list[key]
}

// flow remembers the hours that are over: only the last two are read again.
type flow struct {
	mu    sync.Mutex
	at    time.Time
	hours []operate.Hour
}

func (c *console) lastHours(ctx context.Context) ([]operate.Hour, error) {
	f := c.flows.of(seenBy(ctx))
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if now.Sub(f.at) < flowLasts {
		return f.hours, nil
	}
	this := now.Truncate(time.Hour)
	since, kept := this.Add(-(flowHours-1)*time.Hour), []operate.Hour(nil)
	for _, h := range f.hours {
		if !h.From.Before(since) && h.From.Before(this.Add(-time.Hour)) {
			kept = append(kept, h)
		}
	}
	from := since
	if len(kept) > 0 && kept[0].From.Equal(since) {
		from = kept[len(kept)-1].From.Add(time.Hour)
	} else {
		kept = nil
	}
	list, err := operate.Flow(ctx, c.reads(ctx).Pool(), from)
	if err != nil {
		return nil, err
	}
	f.hours, f.at = append(kept, list...), now
	return f.hours, nil
}

// flowChart draws them; nil where nothing flowed.
func (v view) flowChart(list []operate.Hour) *chart {
	var a, b []string
	sum := 0
	for _, h := range list {
		a, b = append(a, strconv.Itoa(h.Deposited)), append(b, strconv.Itoa(h.Integrated))
		sum += h.Deposited + h.Integrated
	}
	if sum == 0 {
		return nil
	}
	return newChart(v.t("Invoices deposited and integrated in each of the last 24 hours. The numbers are in the table below.", "Factures déposées et intégrées au cours de chacune des 24 dernières heures. Les chiffres sont dans le tableau ci-dessous."),
		"flow", v.lang, url.Values{"from": {strconv.FormatInt(list[0].From.Unix(), 10)}, "a": {strings.Join(a, ",")}, "b": {strings.Join(b, ",")}})
}
