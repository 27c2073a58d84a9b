// Owns the files of each draft that this tab has shown. Files are read even while another conversation is shown; their texts are added to
// the draft of their conversation.
import type { Drafts } from "../composer/drafts.ts";
import { createPendingFiles, createTurns, type PendingFiles, type PendingFilesOptions } from "./pending-files.ts";

export interface DraftFiles {
  of(key: string): PendingFiles;
  /** Call when a draft has got another key: its files get that key too. */
  move(from: string, to: string): void;
  /** Stops reading files for the draft. */
  forget(key: string): void;
}

export interface DraftFilesOptions extends Pick<PendingFilesOptions, "countTokens" | "pictures" | "sightNow" | "read"> {
  readonly drafts: Pick<Drafts, "get" | "set">;
}

interface OpenDraft {
  key: string;
  readonly pending: PendingFiles;
}

export function createDraftFiles({ drafts, ...reading }: DraftFilesOptions): DraftFiles {
  const places = new Map<string, OpenDraft>();
  const inTurn = createTurns();

  function open(key: string): OpenDraft {
    const pending = createPendingFiles({
      ...reading,
      inTurn,
      first: drafts.get(key).attachments,
      onChange(attachments) {
        const { text } = drafts.get(place.key);
        drafts.set(place.key, { text, ...(attachments.length > 0 ? { attachments } : {}) });
      },
    });
    const place = { key, pending };
    places.set(key, place);
    return place;
  }

  return {
    of: (key) => (places.get(key) ?? open(key)).pending,
    move(from, to) {
      const place = places.get(from);
      places.delete(from);
      if (place === undefined) return;
      place.key = to;
      places.set(to, place);
    },
    forget(key) {
      places.get(key)?.pending.close();
      places.delete(key);
    },
  };
}
