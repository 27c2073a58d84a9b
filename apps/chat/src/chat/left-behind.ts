// Owns what lies in the browser's simple storage (localStorage) and belongs into the database: conversations of older pages, and what a tab
// could not write any more when it closed. It is removed once the database has it; what cannot be read stays.
import { lastingStorage, readItem } from "../wire/browser-storage.ts";
import type { SimpleStorage } from "../wire/browser-storage.ts";
import type { DraftChange } from "./drafts.ts";
import { newId } from "./ids.ts";
import type { HeadPatch } from "./merge.ts";
import { readConversation, readSettings } from "./read-conversation.ts";
import { changeOf } from "./storage.ts";
import type { Change, ConversationStorage } from "./storage.ts";
import type { Settings } from "./settings/settings.ts";

const oldPrefix = "waggle.conversation.";
const oldSettingsKey = "waggle.settings";
const unsavedPrefix = "waggle.unsaved.";

export interface Unsaved {
  readonly changes: readonly Change[];
  readonly drafts: readonly DraftChange[];
}

const thisTab = unsavedPrefix + newId("tab");

/** Written at once, which a database cannot do when the tab closes; gone again when there is nothing to keep. */
export function leaveBehind(unsaved: Unsaved, place: SimpleStorage = lastingStorage): void {
  try {
    if (unsaved.changes.length === 0 && unsaved.drafts.length === 0) place.removeItem(thisTab);
    else
      place.setItem(
        thisTab,
        JSON.stringify(unsaved, (_, value: unknown) => value ?? null),
      );
  } catch {
    // Full, or forbidden: then only the database is left.
  }
}

/**
 * @param removes what has been carried over; not where the storage is none that lasts
 * @throws what the storage throws; nothing has been removed then that it does not have
 */
export async function carryOver(
  storage: ConversationStorage,
  { removes, place = lastingStorage }: { readonly removes: boolean; readonly place?: SimpleStorage },
): Promise<void> {
  const keys = Array.from({ length: place.length }, (_, i) => place.key(i) ?? "");
  const old = keys.filter((key) => key.startsWith(oldPrefix)).flatMap((key) => readOld(key, readItem(place, key)));
  const unsaved = keys
    .filter((key) => key.startsWith(unsavedPrefix))
    .flatMap((key) => {
      const left = readItem(place, key) as Unsaved | undefined;
      return left === undefined ? [] : [{ key, left: readable(left) }];
    });
  const changes = [...old.map(({ change }) => change), ...unsaved.flatMap(({ left }) => left.changes)];
  if (changes.length > 0) await storage.save(changes);
  for (const draft of unsaved.flatMap(({ left }) => left.drafts)) await storage.changeDraft(draft);
  const settings = readOldSettings(readItem(place, oldSettingsKey));
  if (settings !== undefined && (await storage.loadSettings()) === undefined) await storage.saveSettings(settings);
  if (!removes) return;
  const carried = [...old, ...unsaved].map(({ key }) => key);
  for (const key of settings === undefined ? carried : [...carried, oldSettingsKey]) place.removeItem(key);
}

/** What is to be taken out is undefined in this page, and null in JSON. */
function readable({ changes, drafts }: Unsaved): Unsaved {
  return {
    changes: changes.map(({ head, ...change }) => ({
      ...change,
      head: head.kind === "new" ? head : { kind: "patch", patch: withoutNulls(head.patch) },
    })),
    drafts: drafts.map(({ key, before, after }) => ({ key, before: before ?? undefined, after: after ?? undefined })),
  };
}

function withoutNulls(patch: HeadPatch): HeadPatch {
  return Object.fromEntries(Object.entries(patch).map(([key, value]) => [key, value ?? undefined]));
}

function readOld(key: string, old: unknown): { readonly key: string; readonly change: Change }[] {
  try {
    return [{ key, change: changeOf(readConversation(old, "the conversation")) }];
  } catch {
    return [];
  }
}

function readOldSettings(old: unknown): Settings | undefined {
  try {
    return readSettings(old, "the settings");
  } catch {
    return undefined;
  }
}
