// Owns pictures of messages: their formats, their limits, and the size in which they are sent. Pure.

/** The media type of a format that the worker reads. */
export type PictureType = "image/png" | "image/jpeg" | "image/webp" | "image/gif";

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** The facts about a picture that its message contains. The picture's file is stored separately. */
export interface PictureFacts extends PictureSize {
  /** Set if the page scaled the picture down. */
  readonly scaled?: true;
}

export const pictureLimits = {
  /** Limit for a chosen file. */
  fileBytes: 64 * 1024 * 1024,
  /** Limit for a chosen picture, because the browser needs four bytes of memory for each pixel to scale it. */
  filePixels: 100_000_000,
  /** The worker scales larger pictures down, unless its operator sets another limit. Used for a model whose limit is unknown. */
  usualPixels: 2_100_000,
  /** Limit for a sent picture, also if the model accepts more. Such a picture has at most 16 MiB, which is the worker's usual limit. */
  sentPixels: 4_000_000,
  /** Longest side of a sent picture: some browsers cannot scale to longer sides. */
  sentSide: 16_384,
  /** A larger file is compressed again even if it has few pixels, because each message of the conversation sends it again. */
  sentAsIsBytes: 4 * 1024 * 1024,
  /** Limit for the files in the memory of a tab. The oldest are dropped, and then read from the browser's storage. */
  heldBytes: 128 * 1024 * 1024,
} as const;

/** The format by the first bytes of a file; undefined for other files. */
export function pictureTypeOf(head: Uint8Array): PictureType | undefined {
  const text = String.fromCharCode(...head.subarray(0, 12));
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "image/png";
  if (text.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (/^RIFF[^]{4}WEBP/.test(text)) return "image/webp";
  return /^GIF8[79]a/.test(text) ? "image/gif" : undefined;
}

/** The size with the same shape, within the limits. @param mostPixels the model's limit; undefined if it is unknown */
export function sentSize({ width, height }: PictureSize, mostPixels: number | undefined): PictureSize {
  const most = Math.min(mostPixels ?? pictureLimits.usualPixels, pictureLimits.sentPixels);
  const scale = Math.min(1, Math.sqrt(most / (width * height)), pictureLimits.sentSide / Math.max(width, height));
  const scaled = (side: number): number => Math.max(1, Math.floor(side * scale));
  return { width: scaled(width), height: scaled(height) };
}
