// Owns the notice that conversations are not stored, with the reason and a remedy.
import type { VNode } from "preact";
import type { StorageTrouble } from "./save-queue.ts";

const words: Readonly<Record<StorageTrouble["kind"], (reason: string) => string>> = {
  closed: (reason) =>
    `This browser keeps nothing for this page (${reason}). Conversations last until the tab is closed: export those that you want to keep.`,
  full: () =>
    "This browser has no room left for conversations. New messages last until the tab is closed: delete conversations, free disk space, or export the conversations.",
  pictures: (reason) =>
    `Cannot keep pictures: ${reason}. New pictures last until the tab is closed, and their messages are kept without them: delete conversations, free disk space, or export the conversations.`,
  failed: (reason) =>
    `Cannot keep conversations: ${reason}. New messages last until the tab is closed: export the conversations that you want to keep.`,
};

export function StorageNotice({ trouble }: { readonly trouble: StorageTrouble | undefined }): VNode | null {
  if (trouble === undefined) return null;
  return (
    <p class="notice storage-notice" role="alert">
      {words[trouble.kind](trouble.reason.replace(/\.$/, ""))}
    </p>
  );
}
