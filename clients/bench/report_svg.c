/* A chart of the latencies: a line a run, from the shortest on the left to the
 * longest on the right. To the right each step is ten times as rare, so that
 * what few requests suffer takes as much room as what most enjoy. Upwards each
 * line of the grid is ten times as long. */
#include "clients/bench/report.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>

enum {
    WIDTH = 900,
    HEIGHT = 520,
    LEFT = 80,
    RIGHT = 870,
    TOP = 70,
    BOTTOM = 450,
    KEY_LEFT = 630,
    NINES_MAX = 5,
    POINTS = 200
};

static const char *const colours[] = {
    "#1f6fb4", "#d1495b", "#2e8b57", "#8a5fbf", "#c77800", "#008b8b", "#6b6b6b",
};

/* What the chart covers: tens of the rarity, and of microseconds. */
struct chart {
    double nines;
    double low;
    double high;
};

static bool is_drawn(const struct outcome *outcome)
{
    return !strcmp(outcome->phase, "run") && outcome->all_ns.count > 0;
}

static double time_us(const struct outcome *outcome, double nines)
{
    double percent = 100 * (1 - pow(10, -nines));
    double us = (double)histogram_percentile(&outcome->all_ns, percent) / 1e3;
    return us > 0.001 ? us : 0.001;
}

static void measure(const struct report *report, struct chart *chart)
{
    *chart = (struct chart){.nines = 1, .low = 9, .high = -9};
    for (size_t i = 0; i < report->count; i++) {
        const struct outcome *outcome = report->outcomes[i];
        if (is_drawn(outcome)) {
            double nines = log10((double)outcome->all_ns.count);
            chart->nines = fmax(chart->nines, nines);
            chart->low = fmin(chart->low, floor(log10(time_us(outcome, 0))));
            chart->high =
                fmax(chart->high, ceil(log10(time_us(outcome, NINES_MAX))));
        }
    }
    chart->nines = fmin(chart->nines, NINES_MAX);
    if (chart->high <= chart->low) {
        chart->low = chart->low > 8 ? 0 : chart->low;
        chart->high = chart->low + 1;
    }
}

static double x_of(const struct chart *chart, double nines)
{
    return LEFT + (RIGHT - LEFT) * nines / chart->nines;
}

static double y_of(const struct chart *chart, double us)
{
    double part = (log10(us) - chart->low) / (chart->high - chart->low);
    return BOTTOM - (BOTTOM - TOP) * part;
}

static void draw_line(struct buffer *out, double x1, double y1, double x2,
                      double y2)
{
    text_append(out,
                "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
                "stroke=\"#dddddd\"/>\n",
                x1, y1, x2, y2);
}

/* A label that ends at (anchor `end`), begins at (`start`) or is centred on
 * (`middle`) the place. */
static void draw_text(struct buffer *out, double x, double y,
                      const char *anchor, const char *text)
{
    text_append(out,
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x,
                y, anchor, text);
}

static void draw_columns(const struct chart *chart, struct buffer *out)
{
    static const struct {
        double nines;
        const char *text;
    } marks[] = {
        {0, "0 %"},    {0.30103, "50 %"}, {1, "90 %"},     {2, "99 %"},
        {3, "99.9 %"}, {4, "99.99 %"},    {5, "99.999 %"},
    };
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (marks[i].nines <= chart->nines) {
            double x = x_of(chart, marks[i].nines);
            draw_line(out, x, TOP, x, BOTTOM);
            draw_text(out, x, BOTTOM + 20, "middle", marks[i].text);
        }
    }
    draw_text(out, (LEFT + RIGHT) / 2.0, BOTTOM + 45, "middle",
              "so many requests were answered within");
}

static void draw_rows(const struct chart *chart, struct buffer *out)
{
    for (int tens = (int)chart->low; tens <= (int)chart->high; tens++) {
        char text[32];
        double y = y_of(chart, pow(10, tens));
        if (tens < 3) {
            snprintf(text, sizeof text, "%g us", pow(10, tens));
        } else if (tens < 6) {
            snprintf(text, sizeof text, "%g ms", pow(10, tens - 3));
        } else {
            snprintf(text, sizeof text, "%g s", pow(10, tens - 6));
        }
        draw_line(out, LEFT, y, RIGHT, y);
        draw_text(out, LEFT - 8, y + 4, "end", text);
    }
}

static void draw_outcome(const struct chart *chart,
                         const struct outcome *outcome, const char *colour,
                         struct buffer *out)
{
    double nines_max = log10((double)outcome->all_ns.count);
    nines_max = fmin(chart->nines, nines_max);
    text_append(out,
                "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" "
                "points=\"",
                colour);
    for (int i = 0; i <= POINTS; i++) {
        double nines = nines_max * i / POINTS;
        text_append(out, "%.1f,%.1f ", x_of(chart, nines),
                    y_of(chart, time_us(outcome, nines)));
    }
    text_append(out, "\"/>\n");
}

/* The line of the legend that says which colour a run has. */
static void draw_key(const struct outcome *outcome, size_t index,
                     const char *colour, struct buffer *out)
{
    char text[80];
    double y = BOTTOM - 12 - 20.0 * (double)index;
    snprintf(text, sizeof text, "depth %zu: p50 %.0f us, p99 %.0f us",
             outcome->depth,
             (double)histogram_percentile(&outcome->all_ns, 50) / 1e3,
             (double)histogram_percentile(&outcome->all_ns, 99) / 1e3);
    text_append(out,
                "<rect x=\"%d\" y=\"%.1f\" width=\"14\" height=\"4\" "
                "fill=\"%s\"/>\n",
                KEY_LEFT, y - 6, colour);
    draw_text(out, KEY_LEFT + 20, y, "start", text);
}

static void draw_outcomes(const struct report *report,
                          const struct chart *chart, struct buffer *out)
{
    size_t drawn = 0;
    for (size_t i = 0; i < report->count; i++) {
        const struct outcome *outcome = report->outcomes[i];
        if (is_drawn(outcome)) {
            const char *colour =
                colours[drawn % (sizeof colours / sizeof colours[0])];
            draw_outcome(chart, outcome, colour, out);
            draw_key(outcome, drawn, colour, out);
            drawn++;
        }
    }
}

void report_svg(const struct report *report, struct buffer *out)
{
    const struct options *options = report->options;
    struct chart chart;
    measure(report, &chart);
    text_append(out,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
                "height=\"%d\" font-family=\"sans-serif\" font-size=\"13\" "
                "fill=\"#222222\">\n"
                "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
                WIDTH, HEIGHT);
    text_append(out,
                "<text x=\"%d\" y=\"32\" font-size=\"17\">%s: latency, %d "
                "connections, %s</text>\n",
                LEFT, options->label, (int)options->connections,
                options->rate ? "at a fixed rate" : "closed loop");
    draw_columns(&chart, out);
    draw_rows(&chart, out);
    draw_outcomes(report, &chart, out);
    text_append(out, "</svg>\n");
}
