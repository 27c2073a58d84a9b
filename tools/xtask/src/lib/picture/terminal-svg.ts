// Owns how a terminal's pane becomes a picture: an SVG with a window around it, whose text can be selected and read aloud.
import type { Look, Run } from "./ansi-cells.ts";

const cell = { width: 8.4, height: 18 } as const;
const margin = { top: 44, side: 18, bottom: 16 } as const;
const ink = "#d7dae0";
const faint = "#8b909b";
const paper = "#1c1e24";
const frame = "#33363f";
/** Black, red, green, yellow, blue, magenta, cyan, white; on a dark ground. */
const colors = ["#5c6370", "#f0808a", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56c8d8", "#ffffff"];
const fonts = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";

export interface PictureOptions {
  readonly columns: number;
  /** In the window's bar, and for those who do not see it. */
  readonly title: string;
}

export function terminalSvg(lines: readonly (readonly Run[])[], { columns, title }: PictureOptions): string {
  const width = Math.ceil(columns * cell.width + 2 * margin.side);
  const height = lines.length * cell.height + margin.top + margin.bottom;
  const rows = lines.flatMap((runs, row) => runs.map((run) => textOf(run, margin.top + (row + 0.75) * cell.height)));
  const dots = ["#ff5f57", "#febc2e", "#28c840"].map(
    (color, i) => `  <circle cx="${margin.side + 6 + i * 18}" cy="20" r="5.5" fill="${color}"/>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `  <title>${escaped(title)}</title>`,
    `  <rect x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="9" fill="${paper}" stroke="${frame}"/>`,
    ...dots,
    `  <text x="${width / 2}" y="24" text-anchor="middle" fill="${faint}" font-family="${fonts}" font-size="12">${escaped(title)}</text>`,
    `  <g font-family="${fonts}" font-size="14" fill="${ink}" xml:space="preserve">`,
    ...rows,
    "  </g>",
    "</svg>",
    "",
  ].join("\n");
}

/** Each run stands at its column and is stretched to it, whatever the font that a viewer has. */
function textOf({ column, text, look }: Run, y: number): string {
  const trimmed = text.trimEnd();
  const x = (margin.side + column * cell.width).toFixed(1);
  const length = (Array.from(trimmed).length * cell.width).toFixed(1);
  const place = `x="${x}" y="${y.toFixed(1)}" textLength="${length}" lengthAdjust="spacingAndGlyphs"`;
  return `    <text ${place}${attributesOf(look)}>${escaped(trimmed)}</text>`;
}

function attributesOf({ bold, dim, color }: Look): string {
  const fill = color === undefined ? (dim ? faint : undefined) : colors[color];
  return `${fill === undefined ? "" : ` fill="${fill}"`}${bold ? ' font-weight="700"' : ""}`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
