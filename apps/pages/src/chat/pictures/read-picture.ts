// Owns reading a picture in the browser, and scaling it to the size that the model gets: a photograph is then a tenth of its file.
import { formatBytes, formatCount } from "../../parts/format.ts";
import { refused, type ReadFile } from "../attachments/attachment.ts";
import { pictureLimits, sentSize, type PictureSize, type PictureType } from "./picture.ts";

const unreadable = refused("the browser cannot read this picture.");
/** Of 1; browsers use it for JPEG and WebP. */
const quality = 0.9;

/**
 * @param type the format by the file's first bytes; undefined for a format that the worker does not read
 * @param maxPixels the model's limit; undefined if it is unknown
 */
export async function readPicture(
  file: File,
  type: PictureType | undefined,
  maxPixels: number | undefined,
): Promise<ReadFile> {
  if (file.size > pictureLimits.fileBytes) {
    return refused(`it has ${formatBytes(file.size)}, and a picture may have ${formatBytes(pictureLimits.fileBytes)}.`);
  }
  // A copy, because a file on disk may change or vanish until the message is sent.
  const copy = new Blob([await file.arrayBuffer()], { type: type ?? file.type });
  const url = URL.createObjectURL(copy);
  try {
    const image = await load(url);
    const given = { width: image.naturalWidth, height: image.naturalHeight };
    const pixels = given.width * given.height;
    if (pixels === 0) return unreadable;
    if (pixels > pictureLimits.filePixels) {
      return refused(
        `it has ${formatCount(pixels)} pixels, and a picture may have ${formatCount(pictureLimits.filePixels)}.`,
      );
    }
    const size = sentSize(given, maxPixels);
    const isSmaller = size.width < given.width || size.height < given.height;
    if (type !== undefined && !isSmaller && copy.size <= pictureLimits.sentAsIsBytes) {
      return { kind: "picture", picture: size, file: copy };
    }
    await image.decode();
    const drawn = await draw(image, size, type);
    if (drawn === undefined) return unreadable;
    return { kind: "picture", picture: { ...size, ...(isSmaller ? { scaled: true } : {}) }, file: drawn };
  } catch {
    return unreadable;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Resolves when the size is known. Most browsers read the pixels later. */
async function load(url: string): Promise<HTMLImageElement> {
  const image = new Image();
  await new Promise<void>((resolve, reject) => {
    image.addEventListener("load", () => resolve());
    image.addEventListener("error", () => reject(new Error("Cannot read the picture")));
    image.src = url;
  });
  return image;
}

async function draw(
  image: HTMLImageElement,
  { width, height }: PictureSize,
  type: PictureType | undefined,
): Promise<Blob | undefined> {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (context === null) return undefined;
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, width, height);
  // GIF cannot be written, and other formats may have transparent pixels. A browser that cannot write WebP writes PNG.
  const wanted = type === "image/gif" ? "image/png" : (type ?? "image/webp");
  return await new Promise((resolve) => canvas.toBlob((file) => resolve(file ?? undefined), wanted, quality));
}
