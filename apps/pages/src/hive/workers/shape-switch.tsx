// Owns the choice between cards and a table, which this browser stores.
import { signal, type Signal } from "@preact/signals";
import type { VNode } from "preact";
import { storeItem, lastingStorage } from "../../wire/browser-storage.ts";

const shapes = ["Cards", "Table"] as const;
type Shape = (typeof shapes)[number];

const storageKey = "waggle.hive.workers";

export const shape: Signal<Shape> = signal(
  shapes.find((name) => name === lastingStorage.getItem(storageKey)) ?? "Cards",
);

export function ShapeSwitch(): VNode {
  return (
    <div class="row" role="group" aria-label="Show workers as">
      {shapes.map((name) => (
        <button
          type="button"
          class="button tiny"
          key={name}
          aria-pressed={shape.value === name}
          onClick={() => {
            shape.value = name;
            storeItem(lastingStorage, storageKey, name);
          }}
        >
          {name}
        </button>
      ))}
    </div>
  );
}
