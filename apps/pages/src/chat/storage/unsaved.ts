// Owns changes that a tab could not write to the database before the tab closed. The changes wait in the browser's simple storage
// (localStorage) until the next start writes them to the database.
import { lastingStorage, readItems, type SimpleStorage } from "../../wire/browser-storage.ts";
import type { DraftChange } from "../composer/drafts.ts";
import { newId } from "../conversation/new-id.ts";
import type { Change, ConversationStorage } from "./storage.ts";

const keyPrefix = "waggle.unsaved.";

export interface Unsaved {
  readonly changes: readonly Change[];
  readonly drafts: readonly DraftChange[];
}

const keyOfThisTab = keyPrefix + newId("tab");

/** Keeps unsaved changes, or removes the entry if there are no changes. Writes at once; the database cannot do so while the tab closes. */
export function keepUnsaved(unsaved: Unsaved, place: SimpleStorage = lastingStorage): void {
  try {
    if (unsaved.changes.length === 0 && unsaved.drafts.length === 0) place.removeItem(keyOfThisTab);
    // A removed value is `undefined` in this page, but `null` in JSON.
    else
      place.setItem(
        keyOfThisTab,
        JSON.stringify(unsaved, (_, value: unknown) => value ?? null),
      );
  } catch {
    // The simple storage is full or forbidden: only the database has the conversations.
  }
}

/**
 * Writes the unsaved changes of closed tabs to the storage.
 * @param removes whether to remove the changes from `place` afterwards; false for a storage that lasts only as long as the tab
 * @throws the storage's error; then no change is removed
 */
export async function saveUnsaved(
  storage: ConversationStorage,
  { removes, place = lastingStorage }: { readonly removes: boolean; readonly place?: SimpleStorage },
): Promise<void> {
  const items = readItems(place, keyPrefix);
  const found = items.flatMap(([, item]) => (item as Unsaved | undefined) ?? []);
  const changes = found.flatMap((unsaved) => unsaved.changes);
  if (changes.length > 0) await storage.save(changes);
  for (const { key, before, after } of found.flatMap((unsaved) => unsaved.drafts)) {
    await storage.changeDraft({ key, before: before ?? undefined, after: after ?? undefined });
  }
  if (removes) for (const [key] of items) place.removeItem(key);
}
