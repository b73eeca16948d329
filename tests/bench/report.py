# SPDX-License-Identifier: Apache-2.0
"""What a benchmark found: a table on standard output, a JSON file, and a chart beside it."""
import html
import json

_BAR, _LEFT, _WIDTH, _HEIGHT = 300, 330, 720, 22


class Report:
    """Rows of: what was measured, the value, its unit, the aim, and whether less is better."""

    def __init__(self, machine):
        self.machine = machine
        self.rows = []

    def add(self, what, value, unit="", aim=None, at_least=False, note=""):
        row = {"figure": what, "value": round(value, 4), "unit": unit, "aim": aim,
               "at_least": at_least, "note": note, "met": None}
        if aim is not None:
            row["met"] = value >= aim if at_least else value <= aim
        self.rows.append(row)
        print(self._line(row), flush=True)

    def heading(self, text):
        print(f"\n{text}", flush=True)

    def write(self, path):
        path.write_text(json.dumps({"machine": self.machine, "figures": self.rows}, indent=1) + "\n")
        path.with_suffix(".svg").write_text(self._chart())

    @staticmethod
    def _line(row):
        shown = f"{row['value']:.2f} {row['unit']}".strip()
        aim = ""
        if row["aim"] is not None:
            words = "at least" if row["at_least"] else "at most"
            aim = f"{words} {row['aim']:g} {row['unit']}".strip() + ("" if row["met"] else "  MISSED")
        return f"  {row['figure']:<66}{shown:>14}   {aim}{'  ' + row['note'] if row['note'] else ''}"

    def _chart(self):
        """Each figure that has an aim, as a share of it: a bar that ends before the line is good."""
        rows = [row for row in self.rows if row["aim"]]
        lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" '
                 f'height="{(len(rows) + 2) * _HEIGHT}" font-family="sans-serif" font-size="11">',
                 '<rect width="100%" height="100%" fill="white"/>']
        for number, row in enumerate(rows):
            share = row["aim"] / row["value"] if row["at_least"] else row["value"] / row["aim"]
            top = (number + 0.5) * _HEIGHT
            colour = "#2a7f62" if row["met"] else "#c0504d"
            width = min(share * _BAR / 1.5, _BAR)
            lines += [f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end">{html.escape(row["figure"][:58])}</text>',
                      f'<rect x="{_LEFT}" y="{top + 3}" width="{width:.1f}" height="{_HEIGHT - 7}" fill="{colour}"/>',
                      f'<text x="{_LEFT + width + 5:.1f}" y="{top + 14}">{row["value"]:g} {html.escape(row["unit"])}</text>']
        line = _LEFT + _BAR / 1.5
        lines += [f'<line x1="{line}" x2="{line}" y1="0" y2="{(len(rows) + 1) * _HEIGHT}" stroke="black"/>',
                  f'<text x="{line}" y="{(len(rows) + 1.6) * _HEIGHT}" text-anchor="middle">the aim</text>', '</svg>']
        return "\n".join(lines) + "\n"
