// Owns what becomes of a file that somebody attaches: its text, or a sentence that says why there is none.
import { byteWords } from "../../models/model-words.ts";
import { attachmentLimits, refused } from "./attachment.ts";
import type { ReadFile } from "./attachment.ts";
import { textOf } from "./read-text.ts";

/** Within these bytes a PDF says that it is one (ISO 32000-1, implementation note 13). */
const headBytes = 1_024;
const neither = refused("it is neither a text file nor a PDF.");

/** @throws what the signal was aborted with */
export async function readFile(file: File, signal: AbortSignal): Promise<ReadFile> {
  const read = await readKind(file, signal).catch((): ReadFile => refused("the browser cannot read it."));
  signal.throwIfAborted();
  if (read.kind === "refused") return read;
  if (read.text.trim() === "") {
    return refused(
      read.pages === undefined
        ? "it is empty."
        : "it has no text layer. Its pages are pictures, which only text recognition (OCR) can read.",
    );
  }
  if (read.text.length <= attachmentLimits.textChars) return read;
  return refused(
    `its text has ${count(read.text.length)} characters, and a file may have ${count(attachmentLimits.textChars)}.`,
  );
}

async function readKind(file: File, signal: AbortSignal): Promise<ReadFile> {
  const head = new Uint8Array(await file.slice(0, headBytes).arrayBuffer());
  if (new TextDecoder("latin1").decode(head).includes("%PDF-")) {
    if (file.size > attachmentLimits.pdfFileBytes) return tooLarge(file, "a PDF", attachmentLimits.pdfFileBytes);
    // A reader of PDFs is many times the size of this page: it comes when the first one is attached.
    const { readPdf } = await import("./read-pdf.ts");
    return await readPdf(await file.arrayBuffer(), signal);
  }
  if (textOf(head) === undefined) return neither;
  if (file.size > attachmentLimits.textFileBytes) {
    return tooLarge(file, "a text file", attachmentLimits.textFileBytes);
  }
  const text = textOf(new Uint8Array(await file.arrayBuffer()));
  return text === undefined ? neither : { kind: "text", text };
}

function tooLarge(file: File, what: string, limit: number): ReadFile {
  return refused(`it has ${byteWords(file.size)}, and ${what} may have ${byteWords(limit)}.`);
}

function count(number: number): string {
  return number.toLocaleString("en");
}
