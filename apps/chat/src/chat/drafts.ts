// Owns what stands in the message box of each conversation and has not been sent: it survives switching and reload.

/** What has been written and not sent. */
export interface Draft {
  readonly text: string;
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
const empty: Draft = { text: "" };

export function createDrafts(place: Storage = localStorage): Drafts {
  return {
    get(key) {
      const text = place.getItem(prefix + key);
      return text === null ? empty : { text };
    },
    set(key, draft) {
      try {
        if (draft.text === "") place.removeItem(prefix + key);
        else place.setItem(prefix + key, draft.text);
      } catch {
        // Full: the draft lasts as long as its box.
      }
    },
  };
}
