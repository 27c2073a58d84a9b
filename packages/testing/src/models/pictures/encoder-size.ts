// Owns the size of a made-up encoder of pictures, and which sizes are possible.

export interface EncoderSize {
  readonly layers: number;
  /** Width of the encoder, a multiple of 64. */
  readonly width: number;
  /**
   * Side of a picture in pixels, a multiple of `unit`. Encoders of fixed size scale each picture, or each piece, to this side. The encoders of
   * Qwen and Pixtral take a picture in its own size.
   */
  readonly imageSize: number;
}

export interface EncoderLimits {
  readonly leastLayers: number;
  /** Pixels of the side of a square that becomes one token. */
  readonly unit: number;
}

const headSize = 64;
const most = { layers: 64, width: 4_096, imageSize: 2_048 };

/** Small heads in a small encoder, because one head alone would not test the order of heads. */
export function headsOf({ width }: EncoderSize): number {
  return Math.max(2, width / headSize);
}

/** @throws Error naming the value that cannot be used */
export function checkEncoderSize(
  { layers, width, imageSize }: EncoderSize,
  { leastLayers, unit }: EncoderLimits,
): void {
  const check = (name: string, value: number, least: number, greatest: number, step: number): void => {
    if (value >= least && value <= greatest && value % step === 0) return;
    const range = `from ${least} to ${greatest}`;
    const wanted = step === 1 ? `a whole number ${range}` : `a multiple of ${step} ${range}`;
    throw new Error(`Cannot make an encoder with ${name} ${value}: it must be ${wanted}`);
  };
  check("layers", layers, leastLayers, most.layers, 1);
  check("width", width, headSize, most.width, headSize);
  check("image size", imageSize, unit, most.imageSize, unit);
}
