export * from "./decode/picture-decoder.ts";
export type { Pixels } from "./decode/pixels.ts";
export { readPictureHeader, type PictureFormat, type PictureHeader } from "./header/picture-header.ts";
export * from "./limits.ts";
