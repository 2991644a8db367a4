"""The ratios as a bar chart, in SVG without a library."""

from xml.sax.saxutils import escape

ROW, LEFT, WIDTH, TOP = 26, 270, 480, 58
OURS, THEIRS = "#2b6cb0", "#a0aec0"


def draw(cases):
    """cases: {name: {"ratio", "cpu_us", "base_us"}}"""
    most = max(one["ratio"] for one in cases.values())
    height = TOP + ROW * len(cases) + 14
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 170}" height="{height}" '
             'font-family="sans-serif" font-size="13">',
             f'<rect width="100%" height="100%" fill="white"/><text x="12" y="22" font-size="15" font-weight="bold">'
             "Server CPU of a request, against the same request without authentication</text>",
             '<text x="12" y="42" fill="#4a5568">kept-alive TLS with a client certificate, a small file; '
             "1.0 is no cost at all</text>"]
    for number, (name, one) in enumerate(cases.items()):
        top, length = TOP + ROW * number, one["ratio"] / most * WIDTH
        colour = THEIRS if name.startswith("mod_") else OURS
        lines += [f'<text x="{LEFT - 8}" y="{top + 17}" text-anchor="end">{escape(name)}</text>',
                  f'<rect x="{LEFT}" y="{top + 4}" width="{length:.1f}" height="{ROW - 8}" fill="{colour}"/>',
                  f'<text x="{LEFT + length + 6:.1f}" y="{top + 17}">{one["ratio"]:.2f} '
                  f'<tspan fill="#4a5568">({one["base_us"]:.0f} + {one["added_us"]:.1f} µs)</tspan></text>']
    one = LEFT + WIDTH / most
    lines.append(f'<line x1="{one:.1f}" y1="{TOP - 6}" x2="{one:.1f}" y2="{height - 8}" stroke="#c53030" '
                 'stroke-dasharray="3 3"/>')
    return "\n".join(lines) + "\n</svg>\n"
