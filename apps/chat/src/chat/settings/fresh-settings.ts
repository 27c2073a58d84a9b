// Owns the settings that were chosen for the new conversation and lie nowhere else before its first message: they survive reload, in this tab.
import { keepItem, readItem } from "../../wire/browser-storage.ts";
import type { SimpleStorage } from "../../wire/browser-storage.ts";
import { readSettings } from "../read-conversation.ts";
import type { Settings } from "./settings.ts";

const storageKey = "waggle.new.settings";

export function freshSettingsBefore(tab: SimpleStorage): Settings | undefined {
  try {
    return readSettings(readItem(tab, storageKey), "the settings");
  } catch {
    // There are none, or a page of another version has written them.
    return undefined;
  }
}

/** Undefined where the new conversation has what all begin with. */
export function keepFreshSettings(tab: SimpleStorage, settings: Settings | undefined): void {
  if (settings === undefined) tab.removeItem(storageKey);
  else keepItem(tab, storageKey, JSON.stringify(settings));
}
