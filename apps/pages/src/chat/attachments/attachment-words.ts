// Owns the text for an attached file's size.
import { formatBytes, formatCount } from "../../parts/format.ts";
import { assumedCharsPerToken } from "../conversation/conversation.ts";
import type { Attachment } from "./attachment.ts";

/** For example "12 kB · 3 pages · 2,941 tokens", or "340 kB · 1,200 × 800 pixels (scaled down)". */
export function attachmentWords({ bytes, pages, tokens, text, picture }: Attachment): string {
  if (picture !== undefined) {
    const size = `${formatCount(picture.width)} × ${formatCount(picture.height)} pixels`;
    return `${formatBytes(bytes)} · ${size}${picture.scaled === true ? " (scaled down)" : ""}`;
  }
  return [
    formatBytes(bytes),
    pages === undefined ? undefined : `${pages} ${pages === 1 ? "page" : "pages"}`,
    tokens === undefined ? `about ${counted(Math.ceil(text.length / assumedCharsPerToken))}` : counted(tokens),
  ]
    .filter((words) => words !== undefined)
    .join(" · ");
}

function counted(tokens: number): string {
  return `${formatCount(tokens)} ${tokens === 1 ? "token" : "tokens"}`;
}
