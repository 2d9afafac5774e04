"""Bar charts as SVG, light, with their figures written beside the bars."""
from html import escape

WIDTH, LEFT, BAR, GAP = 900, 250, 18, 8
HEAD, TITLE = 60, 34
COLOURS = {"ours": "#1f6fb4", "peer": "#9aa5b1", "ceiling": "#2e8b57"}


def bars(title, note, panels):
    """`panels` are pairs of a heading and rows; a row is a label, a number,
    the text that stands beside the bar, and a key of COLOURS."""
    body, y = [], HEAD
    for heading, rows in panels:
        most = max((row[1] for row in rows), default=0) or 1
        y += TITLE
        body.append(text(LEFT, y - 10, heading, "start", weight="bold"))
        for label, number, beside, colour in rows:
            length = max(1, (WIDTH - LEFT - 240) * number / most)
            body.append(
                f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" '
                f'height="{BAR}" fill="{COLOURS[colour]}"/>')
            body.append(text(LEFT - 8, y + BAR - 5, label, "end"))
            body.append(text(LEFT + length + 8, y + BAR - 5, beside, "start"))
            y += BAR + GAP
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{y + 20}" font-family="sans-serif" font-size="13" '
        'fill="#222222">',
        '<rect width="100%" height="100%" fill="white"/>',
        text(20, 28, title, "start", size=17),
        text(20, 48, note, "start", fill="#666666"),
        *body, "</svg>", ""])


def text(x, y, words, anchor, weight="normal", size=13, fill="#222222"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
            f'font-weight="{weight}" font-size="{size}" fill="{fill}">'
            f'{escape(words)}</text>')
