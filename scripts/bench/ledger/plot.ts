/** One line over a logarithmic axis: throughput against what doubles. */
export interface Plot {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** Levels to compare with, drawn across. */
  readonly levels: readonly { readonly name: string; readonly y: number }[];
}

const WIDTH = 720;
const HEIGHT = 380;
const PLACE = { left: 78, right: 20, top: 44, bottom: 56 } as const;

/** The least of 1, 2, 2.5 and 5 times a power of ten that makes at most five steps. */
function stepOf(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most / 5));
  return power * ([1, 2, 2.5, 5, 10].find((factor) => power * factor * 5 >= most) ?? 10);
}

function text(x: number, y: number, words: string, more = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${more}>${words}</text>`;
}

/** Plain SVG, readable on white and on black: an image cannot take the page's colours, so it asks for them itself. */
export function svgOf({ title, x, y, points, levels }: Plot): string {
  const most = Math.max(...points.map((point) => point.y), ...levels.map((level) => level.y));
  const step = stepOf(most);
  const top = step * Math.ceil(most / step);
  const [first, last] = [Math.log(points[0]?.x ?? 1), Math.log(points.at(-1)?.x ?? 10)];
  const across = (value: number): number => PLACE.left + ((Math.log(value) - first) / (last - first || 1)) * (WIDTH - PLACE.left - PLACE.right);
  const up = (value: number): number => HEIGHT - PLACE.bottom - (value / top) * (HEIGHT - PLACE.top - PLACE.bottom);
  const grid = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step);
  const line = (from: [number, number], to: [number, number], kind: string): string =>
    `<line class="${kind}" x1="${from[0].toFixed(1)}" y1="${from[1].toFixed(1)}" x2="${to[0].toFixed(1)}" y2="${to[1].toFixed(1)}"/>`;
  const edge = WIDTH - PLACE.right;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${title}">`,
    '<style>',
    'text { font: 13px sans-serif; fill: #24292f } .grid { stroke: #d0d7de } .axis { stroke: #57606a } .level { stroke: #bc4c00; stroke-dasharray: 6 4 }',
    '.name { fill: #bc4c00 } .curve { fill: none; stroke: #0969da; stroke-width: 2 } .point { fill: #0969da } .title { font-weight: bold }',
    '@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .grid { stroke: #30363d } .axis { stroke: #8b949e } .level { stroke: #f0883e } .name { fill: #f0883e }',
    '.curve { stroke: #58a6ff } .point { fill: #58a6ff } }',
    '</style>',
    text(PLACE.left, 24, title, ' class="title"'),
    ...grid.flatMap((value) => [
      line([PLACE.left, up(value)], [edge, up(value)], value === 0 ? 'axis' : 'grid'),
      text(PLACE.left - 8, up(value) + 4, value.toLocaleString('en'), ' text-anchor="end"'),
    ]),
    ...points.map((point) => text(across(point.x), HEIGHT - PLACE.bottom + 20, point.x.toLocaleString('en'), ' text-anchor="middle"')),
    text((PLACE.left + edge) / 2, HEIGHT - 12, x, ' text-anchor="middle"'),
    text(14, PLACE.top - 4, y),
    ...levels.flatMap((level) => [
      line([PLACE.left, up(level.y)], [edge, up(level.y)], 'level'),
      text(PLACE.left + 6, up(level.y) - 5, level.name, ' class="name"'),
    ]),
    `<polyline class="curve" points="${points.map((point) => `${across(point.x).toFixed(1)},${up(point.y).toFixed(1)}`).join(' ')}"/>`,
    ...points.flatMap((point) => [
      `<circle class="point" cx="${across(point.x).toFixed(1)}" cy="${up(point.y).toFixed(1)}" r="4"/>`,
      text(across(point.x), up(point.y) - 10, Math.round(point.y).toLocaleString('en'), ' text-anchor="middle"'),
    ]),
    '</svg>',
    '',
  ].join('\n');
}
