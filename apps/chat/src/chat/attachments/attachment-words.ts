// Owns how an attached file is put into words.
import { byteWords } from "../../models/model-words.ts";
import { assumedCharsPerToken } from "../conversation.ts";
import type { Attachment } from "./attachment.ts";

/** "12 kB · 3 pages · 2,941 tokens". */
export function attachmentWords({ bytes, pages, tokens, text }: Attachment): string {
  return [
    byteWords(bytes),
    pages === undefined ? undefined : `${pages} ${pages === 1 ? "page" : "pages"}`,
    tokens === undefined ? `about ${counted(Math.ceil(text.length / assumedCharsPerToken))}` : counted(tokens),
  ]
    .filter((words) => words !== undefined)
    .join(" · ");
}

function counted(tokens: number): string {
  return `${tokens.toLocaleString("en")} ${tokens === 1 ? "token" : "tokens"}`;
}
