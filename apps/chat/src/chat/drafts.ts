// Owns what stands in the message box of each conversation and has not been sent: it survives switching and reload.
import type { Attachment } from "./attachments/attachment.ts";
import type { ConversationStorage } from "./storage.ts";

/** What has been written and not sent. */
export interface Draft {
  readonly text: string;
  readonly attachments?: readonly Attachment[];
}

export interface Drafts {
  /** An empty one where there is none. */
  get(key: string): Draft;
  /** An empty one is forgotten. */
  set(key: string, draft: Draft): void;
  /** What has not been written down yet; undefined where the draft is to be forgotten. */
  unsaved(): readonly (readonly [key: string, draft: Draft | undefined])[];
  flush(): void;
}

/** The draft of a conversation that has no message yet. */
export const newDraftKey = "new";

const empty: Draft = { text: "" };
/** How long after the last letter a draft is written down. */
const saveDelayMs = 300;

/** @param onFailed is told that one could not be written down */
export async function openDrafts(
  storage: Pick<ConversationStorage, "loadDrafts" | "saveDraft">,
  onFailed: (error: unknown) => void,
): Promise<Drafts> {
  const drafts = new Map(await storage.loadDrafts());
  const unsaved = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function flush(): void {
    clearTimeout(timer);
    for (const key of [...unsaved]) {
      const draft = drafts.get(key);
      // Where that fails, it is tried again with the next letter.
      storage.saveDraft(key, draft).then(() => drafts.get(key) === draft && unsaved.delete(key), onFailed);
    }
  }

  return {
    get: (key) => drafts.get(key) ?? empty,
    set(key, draft) {
      if (isEmpty(draft)) drafts.delete(key);
      else drafts.set(key, draft);
      unsaved.add(key);
      clearTimeout(timer);
      timer = setTimeout(flush, saveDelayMs);
    },
    unsaved: () => [...unsaved].map((key) => [key, drafts.get(key)] as const),
    flush,
  };
}

function isEmpty({ text, attachments = [] }: Draft): boolean {
  return text === "" && attachments.length === 0;
}
