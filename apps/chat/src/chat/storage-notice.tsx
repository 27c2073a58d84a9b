// Owns saying that conversations are not kept, why, and what helps.
import type { VNode } from "preact";
import type { StorageTrouble } from "./saver.ts";

const words: Readonly<Record<StorageTrouble["kind"], (reason: string) => string>> = {
  closed: (reason) =>
    `This browser keeps nothing for this page (${reason}). Conversations last until the tab is closed: export what you want to keep.`,
  full: () =>
    "This browser has no room left for conversations. What is new lasts until the tab is closed: delete conversations or free some of the disk, or export what you want to keep.",
  failed: (reason) =>
    `Cannot keep conversations: ${reason}. What is new lasts until the tab is closed: export what you want to keep.`,
};

export function StorageNotice({ trouble }: { readonly trouble: StorageTrouble | undefined }): VNode | null {
  if (trouble === undefined) return null;
  return (
    <p class="notice storage-notice" role="alert">
      {words[trouble.kind](trouble.reason.replace(/\.$/, ""))}
    </p>
  );
}
