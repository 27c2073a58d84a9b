// Owns a switch of the pages that is off until a visitor turns it on, and that this browser remembers; and its icon button.
import { signal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import type { VNode } from "preact";
import { lastingStorage, storeItem } from "../wire/browser-storage.ts";
import { IconButton, type IconButtonProps } from "./icons.tsx";

export interface RememberedSwitch {
  readonly on: ReadonlySignal<boolean>;
  turn(): void;
}

export function createRememberedSwitch(
  storageKey: `waggle.${string}`,
  place: Pick<Storage, "getItem" | "setItem"> = lastingStorage,
): RememberedSwitch {
  const on = signal(place.getItem(storageKey) === "on");
  return {
    on,
    turn() {
      on.value = !on.peek();
      // Without room in the storage, the choice lasts until the page is closed.
      storeItem(place, storageKey, on.value ? "on" : "off");
    },
  };
}

export function SwitchButton({ of, ...others }: IconButtonProps & { readonly of: RememberedSwitch }): VNode {
  return <IconButton {...others} aria-pressed={of.on.value} onClick={of.turn} />;
}
