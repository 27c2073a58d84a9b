// Owns where conversations live: this browser, one entry for each, the oldest ones given up when there is no room.
import type { Conversation, Settings } from "./conversation.ts";

const prefix = "waggle.conversation.";
const settingsKey = "waggle.settings";
/** Most conversations kept; the one that was used longest ago goes first. */
const conversationsLimit = 100;

export interface ConversationStorage {
  /** Newest first. */
  load(): Conversation[];
  save(conversation: Conversation): void;
  remove(id: string): void;
  /** What a new conversation starts with. */
  loadSettings(): Settings;
  saveSettings(settings: Settings): void;
  /** Tells of changes that other tabs make; undefined when one removed it. */
  onOtherTab(listener: (id: string, conversation: Conversation | undefined) => void): void;
}

const noSettings: Settings = { system: "", sampling: {} };

export function createStorage(place: Storage = localStorage): ConversationStorage {
  function keys(): string[] {
    return Array.from({ length: place.length }, (_, i) => place.key(i) ?? "").filter((key) => key.startsWith(prefix));
  }

  function load(): Conversation[] {
    const found = keys().flatMap((key) => parse<Conversation>(place.getItem(key)) ?? []);
    return found.toSorted((a, b) => b.updatedAt - a.updatedAt);
  }

  /** False when there was none to give up. */
  function giveUpOldest(except: string): boolean {
    const oldest = load().findLast(({ id }) => id !== except);
    if (oldest !== undefined) place.removeItem(prefix + oldest.id);
    return oldest !== undefined;
  }

  return {
    load,
    save(conversation) {
      const key = prefix + conversation.id;
      if (place.getItem(key) === null && keys().length >= conversationsLimit) giveUpOldest(conversation.id);
      const text = JSON.stringify(conversation);
      do {
        try {
          return place.setItem(key, text);
        } catch {
          // Full, most likely. When nothing is left to give up, the conversation lives on in this tab alone.
        }
      } while (giveUpOldest(conversation.id));
    },
    remove: (id) => place.removeItem(prefix + id),
    loadSettings: () => parse<Settings>(place.getItem(settingsKey)) ?? noSettings,
    saveSettings(settings) {
      try {
        place.setItem(settingsKey, JSON.stringify(settings));
      } catch {
        // Full: the settings hold for this conversation, and the next one begins without them.
      }
    },
    onOtherTab(listener) {
      addEventListener("storage", ({ key, newValue }) => {
        if (key?.startsWith(prefix) === true) listener(key.slice(prefix.length), parse<Conversation>(newValue));
      });
    },
  };
}

function parse<T>(text: string | null): T | undefined {
  if (text === null) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}
