// Changes pixels: lays them on white, scales them down, turns them.
import type { Orientation } from "../header/exif-orientation.ts";

/** A picture without alpha. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Red, green and blue of each pixel, 8 bits each, row by row. */
  readonly rgb: Uint8Array<ArrayBuffer>;
}

/** What decoders return. */
export interface PixelsWithAlpha {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array | Uint8ClampedArray;
}

/** The size of a canvas, and the place of the picture on it. */
interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
}

const opaque = 255;
const white = 255;

/** @param canvas default: the picture fills it */
export function layOnWhite(
  picture: PixelsWithAlpha,
  canvas: Canvas = { width: picture.width, height: picture.height, left: 0, top: 0 },
): Pixels {
  const { rgba } = picture;
  const { width, height, left, top } = canvas;
  const rgb = new Uint8Array(width * height * 3);
  if (picture.width < width || picture.height < height) rgb.fill(white);
  let from = 0;
  for (let y = 0; y < picture.height; y += 1) {
    let to = ((top + y) * width + left) * 3;
    for (const end = from + picture.width * 4; from < end; from += 4, to += 3) {
      const alpha = rgba[from + 3] ?? opaque;
      rgb[to] = onWhite(rgba[from] ?? white, alpha);
      rgb[to + 1] = onWhite(rgba[from + 1] ?? white, alpha);
      rgb[to + 2] = onWhite(rgba[from + 2] ?? white, alpha);
    }
  }
  return { width, height, rgb };
}

function onWhite(sample: number, alpha: number): number {
  return alpha === opaque ? sample : Math.round((sample * alpha + white * (opaque - alpha)) / opaque);
}

/** Scales the picture to at most this number of pixels. Each new pixel is the mean of the area that it covers. */
export function scaleDown(picture: Pixels, maxPixels: number): Pixels {
  if (picture.width * picture.height <= maxPixels) return picture;
  const { width, height } = scaledSize(picture, maxPixels);
  const columns = sharesOf(picture.width, width);
  const rows = sharesOf(picture.height, height);
  const rgb = new Uint8Array(width * height * 3);
  const sums = new Float64Array(width * 3);
  for (const [y, row] of rows.entries()) {
    sums.fill(0);
    for (let i = 0; i < row.weights.length; i += 1) {
      addRow(sums, picture.rgb, { from: (row.first + i) * picture.width * 3, weight: row.weights[i] ?? 0, columns });
    }
    for (let i = 0; i < sums.length; i += 1) rgb[y * width * 3 + i] = Math.round(sums[i] ?? 0);
  }
  return { width, height, rgb };
}

/** Keeps the ratio of the sides as far as whole pixels can. */
function scaledSize({ width, height }: Pixels, maxPixels: number): { width: number; height: number } {
  const factor = Math.sqrt(maxPixels / (width * height));
  const short = Math.max(1, Math.floor(Math.min(width, height) * factor));
  const long = Math.max(1, Math.min(Math.floor(Math.max(width, height) * factor), Math.floor(maxPixels / short)));
  return width < height ? { width: short, height: long } : { width: long, height: short };
}

/** The old pixels that a new pixel covers along one side, and the share of each; the shares add up to 1. */
interface Shares {
  readonly first: number;
  readonly weights: readonly number[];
}

function sharesOf(oldLength: number, newLength: number): readonly Shares[] {
  const step = oldLength / newLength;
  return Array.from({ length: newLength }, (_, index) => {
    const begin = index * step;
    const end = Math.min(oldLength, begin + step);
    const first = Math.floor(begin);
    const covered = Array.from(
      { length: Math.ceil(end) - first },
      (__, i) => Math.min(end, first + i + 1) - Math.max(begin, first + i),
    );
    const total = covered.reduce((sum, part) => sum + part, 0);
    return { first, weights: covered.map((part) => part / total) };
  });
}

function addRow(
  sums: Float64Array,
  rgb: Uint8Array,
  row: { readonly from: number; readonly weight: number; readonly columns: readonly Shares[] },
): void {
  let to = 0;
  for (const { first, weights } of row.columns) {
    let from = row.from + first * 3;
    let [red, green, blue] = [0, 0, 0];
    for (const weight of weights) {
      red += weight * (rgb[from] ?? 0);
      green += weight * (rgb[from + 1] ?? 0);
      blue += weight * (rgb[from + 2] ?? 0);
      from += 3;
    }
    sums[to] = (sums[to] ?? 0) + row.weight * red;
    sums[to + 1] = (sums[to + 1] ?? 0) + row.weight * green;
    sums[to + 2] = (sums[to + 2] ?? 0) + row.weight * blue;
    to += 3;
  }
}

/** Turns and mirrors the picture as its EXIF orientation says. */
export function turn(picture: Pixels, orientation: Orientation): Pixels {
  if (orientation === 1) return picture;
  const [width, height] = orientation < 5 ? [picture.width, picture.height] : [picture.height, picture.width];
  const { origin, right, down } = walkOf(picture, orientation);
  const rgb = new Uint8Array(picture.rgb.length);
  let to = 0;
  for (let y = 0; y < height; y += 1) {
    let from = (origin + y * down) * 3;
    for (let x = 0; x < width; x += 1) {
      rgb[to] = picture.rgb[from] ?? 0;
      rgb[to + 1] = picture.rgb[from + 1] ?? 0;
      rgb[to + 2] = picture.rgb[from + 2] ?? 0;
      to += 3;
      from += right * 3;
    }
  }
  return { width, height, rgb };
}

/** Where the first pixel of the result is in the stored picture, and how far away its neighbours to the right and below are, in pixels. */
interface Walk {
  readonly origin: number;
  readonly right: number;
  readonly down: number;
}

function walkOf({ width, height }: Pixels, orientation: Orientation): Walk {
  const topRight = width - 1;
  const bottomLeft = (height - 1) * width;
  const walks: Readonly<Record<Orientation, Walk>> = {
    1: { origin: 0, right: 1, down: width },
    2: { origin: topRight, right: -1, down: width },
    3: { origin: bottomLeft + topRight, right: -1, down: -width },
    4: { origin: bottomLeft, right: 1, down: -width },
    5: { origin: 0, right: width, down: 1 },
    6: { origin: bottomLeft, right: -width, down: 1 },
    7: { origin: bottomLeft + topRight, right: -width, down: -1 },
    8: { origin: topRight, right: width, down: -1 },
  };
  return walks[orientation];
}
