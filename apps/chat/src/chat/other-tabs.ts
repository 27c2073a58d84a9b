// Owns what the tabs of one browser tell each other about conversations, so that each shows what the others write.
import type { Change } from "./storage.ts";
import type { Settings } from "./settings/settings.ts";

export type TabMessage =
  | { readonly kind: "changed"; readonly changes: readonly Change[] }
  | { readonly kind: "removed"; readonly ids: readonly string[] }
  | { readonly kind: "settings"; readonly settings: Settings };

export interface OtherTabs {
  tell(message: TabMessage): void;
  /** What has come before is told at once. */
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
    tell: (message) => channel.postMessage(message),
    listen(given) {
      listener = given;
      for (const message of early) listener(message);
      early = [];
    },
  };
}
