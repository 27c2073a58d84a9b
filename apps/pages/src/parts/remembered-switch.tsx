// Owns a switch of the pages whose state this browser remembers, and its icon button.
import { signal, type ReadonlySignal } from "@preact/signals";
import type { VNode } from "preact";
import { lastingStorage, storeItem } from "../wire/browser-storage.ts";
import { IconButton, type IconButtonProps } from "./icons.tsx";

export interface RememberedSwitch {
  readonly on: ReadonlySignal<boolean>;
  message(): void;
}

export function createRememberedSwitch(
  storageKey: `waggle.${string}`,
  initially: "on" | "off" = "off",
  place: Pick<Storage, "getItem" | "setItem"> = lastingStorage,
): RememberedSwitch {
  const on = signal((place.getItem(storageKey) ?? initially) === "on");
  return {
    on,
    message() {
      on.value = !on.peek();
      // Without room in the storage, the choice lasts until the page is closed.
      storeItem(place, storageKey, on.value ? "on" : "off");
    },
  };
}

export function SwitchButton({ of, ...others }: IconButtonProps & { readonly of: RememberedSwitch }): VNode {
  return <IconButton {...others} aria-pressed={of.on.value} onClick={of.message} />;
}
