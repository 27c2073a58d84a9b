// Owns messages about conversations between the tabs of a browser, so that each tab shows the changes of other tabs.
import type { OwnedPicture } from "../pictures/held-pictures.ts";
import type { Settings } from "../settings/settings.ts";
import type { Change } from "./storage.ts";

export type TabMessage =
  | {
      readonly kind: "changed";
      readonly changes: readonly Change[];
      /** Files of pictures that are not stored yet. */
      readonly pictures?: readonly OwnedPicture[];
    }
  | { readonly kind: "removed"; readonly ids: readonly string[] }
  | { readonly kind: "settings"; readonly settings: Settings };

export interface OtherTabs {
  send(message: TabMessage): void;
  /** Sets the listener, and delivers earlier messages to it at once. */
  listen(listener: (message: TabMessage) => void): void;
}

export function openChannel(): OtherTabs {
  const channel = new BroadcastChannel("waggle.conversations");
  let listener: ((message: TabMessage) => void) | undefined;
  let early: TabMessage[] = [];
  channel.addEventListener("message", ({ data }) => {
    const message = data as TabMessage;
    if (listener === undefined) early.push(message);
    else listener(message);
  });
  return {
    send: (message) => channel.postMessage(message),
    listen(given) {
      listener = given;
      for (const message of early) listener(message);
      early = [];
    },
  };
}
