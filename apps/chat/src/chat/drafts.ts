// Owns what stands in the message box of each conversation and has not been sent: it survives switching and reload.
import type { Attachment } from "./attachments/attachment.ts";

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
}

/** The draft of a conversation that has no message yet. */
export const newDraftKey = "new";

const prefix = "waggle.draft.";
const filesPrefix = "waggle.draft-files.";

export function createDrafts(place: Storage = localStorage): Drafts {
  /** Files survive switching even where the storage has no room for them. */
  const files = new Map<string, readonly Attachment[]>();

  function keep(key: string, text: string | undefined): void {
    try {
      if (text === undefined) place.removeItem(key);
      else place.setItem(key, text);
    } catch {
      // Full: the draft lasts as long as its tab. What stood there before is no longer true.
      place.removeItem(key);
    }
  }

  function filesOf(key: string): readonly Attachment[] | undefined {
    const known = files.get(key);
    if (known !== undefined) return known;
    try {
      return (JSON.parse(place.getItem(filesPrefix + key) ?? "null") as readonly Attachment[] | null) ?? undefined;
    } catch {
      return undefined;
    }
  }

  return {
    get(key) {
      const text = place.getItem(prefix + key) ?? "";
      const attachments = filesOf(key);
      return attachments === undefined ? { text } : { text, attachments };
    },
    set(key, { text, attachments }) {
      keep(prefix + key, text === "" ? undefined : text);
      // While a text is written its files stay what they are, and may be large.
      if (attachments !== undefined && areSame(attachments, files.get(key) ?? [])) return;
      keep(filesPrefix + key, attachments === undefined ? undefined : JSON.stringify(attachments));
      if (attachments === undefined) files.delete(key);
      else files.set(key, attachments);
    },
  };
}

function areSame(some: readonly Attachment[], others: readonly Attachment[]): boolean {
  return some.length === others.length && some.every((file, i) => file === others[i]);
}
