// Owns a switch of the pages that is off until a visitor turns it on, and that this browser remembers; and its icon button.
import { signal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import type { VNode } from "preact";
import { lastingStorage, storeItem } from "../wire/browser-storage.ts";
import { Icon } from "./icons.tsx";
import type { IconName } from "./icons.tsx";

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

export interface SwitchButtonProps {
  readonly of: RememberedSwitch;
  readonly icon: IconName;
  readonly label: string;
  /** By default the label. */
  readonly title?: string;
}

export function SwitchButton({ of, icon, label, title = label }: SwitchButtonProps): VNode {
  return (
    <button
      type="button"
      class="button icon tiny quiet"
      aria-label={label}
      title={title}
      aria-pressed={of.on.value}
      onClick={of.turn}
    >
      <Icon name={icon} />
    </button>
  );
}
