// Owns reading the text of a PDF, with PDF.js in a separate thread. Imported only on demand.
import { formatCounted, formatDuration } from "../../parts/format.ts";
import { getDocument, PDFWorker, VerbosityLevel, type PDFDocumentProxy } from "pdfjs-dist/legacy/build/pdf.mjs";
import { attachmentLimits, refused, type ReadFile } from "./attachment.ts";
// oxlint-disable-next-line import/default -- Vite's syntax for the address of a thread that it builds
import workerUrl from "./pdf-worker.ts?worker&url";
import { scriptUrl } from "./script-url.ts";

/** Time limit, because a hostile PDF may take forever to read. */
const pdfTimeoutMs = 60_000;

/** @throws the signal's reason, or an error of PDF.js */
export async function readPdf(bytes: ArrayBuffer, signal: AbortSignal): Promise<ReadFile> {
  const port = new Worker(scriptUrl(workerUrl), { type: "module" });
  const late = AbortSignal.timeout(pdfTimeoutMs);
  const given = AbortSignal.any([signal, late]);
  const gone = new Promise<never>((_, reject) => {
    given.addEventListener("abort", () => reject(new Error("Given up")), { once: true });
    port.addEventListener("error", () => reject(new Error("Cannot start the reader of PDFs")), { once: true });
  });
  try {
    return await Promise.race([readPdfText(bytes, port, given), gone]);
  } catch (error) {
    if (late.aborted) return refused(`it takes longer than ${formatDuration(pdfTimeoutMs)} to read.`);
    return refused(pdfProblem(error));
  } finally {
    port.terminate();
  }
}

async function readPdfText(bytes: ArrayBuffer, port: Worker, signal: AbortSignal): Promise<ReadFile> {
  const pdf = await getDocument({
    data: bytes,
    worker: PDFWorker.create({ port, verbosity: VerbosityLevel.ERRORS }),
    // Reads only text: PDF.js draws, fetches and compiles nothing.
    ...{ isEvalSupported: false, useWasm: false, useWorkerFetch: false, disableFontFace: true, stopAtErrors: false },
  }).promise;
  const pages = pdf.numPages;
  if (pages > attachmentLimits.pdfPages) {
    return refused(`it has ${formatCounted(pages, "page")}, and a PDF may have ${attachmentLimits.pdfPages}.`);
  }
  const texts: string[] = [];
  let chars = 0;
  // Reading stops once the text is over the limit.
  for (let number = 1; number <= pages && chars <= attachmentLimits.textChars && !signal.aborted; number++) {
    const text = await pageText(pdf, number);
    chars += text.length;
    if (text !== "") texts.push(text);
  }
  return { kind: "text", text: texts.join("\n\n"), pages };
}

async function pageText(pdf: PDFDocumentProxy, number: number): Promise<string> {
  const page = await pdf.getPage(number);
  const { items } = await page.getTextContent();
  page.cleanup();
  return items
    .map((item) => ("str" in item ? `${item.str}${item.hasEOL ? "\n" : ""}` : ""))
    .join("")
    .trim();
}

/** PDF.js distinguishes its errors by name. */
function pdfProblem(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  if (name === "PasswordException") return "it is protected by a password.";
  return name === "InvalidPDFException" ? "it is damaged or not a PDF." : "it cannot be read as a PDF.";
}
