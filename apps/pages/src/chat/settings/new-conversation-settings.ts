// Owns the settings chosen for a new conversation before its first message. In this tab, they survive a reload.
import { storeItem, readItem, type SimpleStorage } from "../../wire/browser-storage.ts";
import { readSettings } from "../conversation/read-conversation.ts";
import type { Settings } from "./settings.ts";

const storageKey = "waggle.new.settings";

export function loadNewSettings(tab: SimpleStorage): Settings | undefined {
  try {
    return readSettings(readItem(tab, storageKey), "the settings");
  } catch {
    // There are no settings, or a page of another version wrote them.
    return undefined;
  }
}

/** @param settings undefined for the default of new conversations */
export function storeNewSettings(tab: SimpleStorage, settings: Settings | undefined): void {
  if (settings === undefined) tab.removeItem(storageKey);
  else storeItem(tab, storageKey, JSON.stringify(settings));
}
