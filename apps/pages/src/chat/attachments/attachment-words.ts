// Owns the text for an attached file's size.
import { formatBytes, formatCount, formatCounted } from "../../parts/format.ts";
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
    pages === undefined ? undefined : formatCounted(pages, "page"),
    tokens === undefined
      ? `about ${formatCounted(Math.ceil(text.length / assumedCharsPerToken), "token")}`
      : formatCounted(tokens, "token"),
  ]
    .filter((words) => words !== undefined)
    .join(" · ");
}
