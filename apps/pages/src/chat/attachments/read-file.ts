// Owns reading an attached file: returns the file's text, or the reason why the file is refused.
import { formatBytes, formatCount } from "../../parts/format.ts";
import { pictureTypeOf } from "../pictures/picture.ts";
import { readPicture } from "../pictures/read-picture.ts";
import { blindReason, type Sight } from "../pictures/sight.ts";
import { attachmentLimits, refused, type ReadFile } from "./attachment.ts";

/** A PDF has its signature within these bytes (ISO 32000-1, implementation note 13). */
const headBytes = 1_024;
const neither = refused("it is neither a picture, a text file nor a PDF.");

/**
 * @param sight whether the model sees, and the size in which it gets pictures
 * @throws the signal's reason
 */
export async function readFile(file: File, sight: Sight, signal: AbortSignal): Promise<ReadFile> {
  const read = await readKind(file, sight, signal).catch((): ReadFile => refused("the browser cannot read it."));
  signal.throwIfAborted();
  if (read.kind !== "text") return read;
  if (read.text.trim() === "") {
    return refused(
      read.pages === undefined
        ? "it is empty."
        : "it has no text layer; its pages are images, which only text recognition (OCR) can read.",
    );
  }
  if (read.text.length <= attachmentLimits.textChars) return read;
  return refused(
    `its text has ${formatCount(read.text.length)} characters, and a file may have ${formatCount(attachmentLimits.textChars)}.`,
  );
}

async function readKind(file: File, sight: Sight, signal: AbortSignal): Promise<ReadFile> {
  const head = new Uint8Array(await file.slice(0, headBytes).arrayBuffer());
  const type = pictureTypeOf(head);
  // The browser may read formats that the worker does not read, such as AVIF.
  if (type !== undefined || (file.type.startsWith("image/") && decodeTextFile(head) === undefined)) {
    const reason = blindReason(sight);
    return reason === undefined ? await readPicture(file, type, sight.maxPixels) : refused(reason);
  }
  if (new TextDecoder("latin1").decode(head).includes("%PDF-")) {
    if (file.size > attachmentLimits.pdfFileBytes) return tooLarge(file, "a PDF", attachmentLimits.pdfFileBytes);
    // PDF.js is many times the size of this page, so it is loaded with the first PDF.
    const { readPdf } = await import("./read-pdf.ts");
    return await readPdf(await file.arrayBuffer(), signal);
  }
  if (decodeTextFile(head) === undefined) return neither;
  if (file.size > attachmentLimits.textFileBytes) {
    return tooLarge(file, "a text file", attachmentLimits.textFileBytes);
  }
  const text = decodeTextFile(new Uint8Array(await file.arrayBuffer()));
  return text === undefined ? neither : { kind: "text", text };
}

function tooLarge(file: File, what: string, limit: number): ReadFile {
  return refused(`it has ${formatBytes(file.size)}, and ${what} may have ${formatBytes(limit)}.`);
}

/** Control characters that no text file contains: all but tab, line feed, form feed, carriage return and escape. */
// oxlint-disable-next-line no-control-regex -- the pattern matches control characters
const noText = /[\u0000-\u0008\u000b\u000e-\u001a\u001c-\u001f]/;

/** A file's text, with line feeds as its only line ends; undefined for other files. Reads UTF-8, UTF-16 with a byte order mark, or Windows-1252. */
export function decodeTextFile(bytes: Uint8Array<ArrayBuffer>): string | undefined {
  const text = decode(bytes);
  return noText.test(text) ? undefined : text.replaceAll("\r\n", "\n");
}

function decode(bytes: Uint8Array<ArrayBuffer>): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
