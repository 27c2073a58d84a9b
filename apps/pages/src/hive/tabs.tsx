// Owns the tabs of the hive's page. Arrow keys move between them.
import type { Signal } from "@preact/signals";
import type { VNode } from "preact";
import { useRef } from "preact/hooks";

export const tabs = ["Workers", "Faults"] as const;
export type Tab = (typeof tabs)[number];

const steps: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1 };

export function Tabs({ open }: { readonly open: Signal<Tab> }): VNode {
  const list = useRef<HTMLDivElement>(null);

  function move(event: KeyboardEvent): void {
    const step = steps[event.key];
    if (step === undefined) return;
    const next = (tabs.indexOf(open.value) + step + tabs.length) % tabs.length;
    open.value = tabs[next] ?? "Workers";
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[next]?.focus();
  }

  return (
    <div class="row" role="tablist" aria-label="Views" ref={list} onKeyDown={move}>
      {tabs.map((tab) => (
        <button
          type="button"
          role="tab"
          class="button tiny"
          id={`tab-${tab}`}
          key={tab}
          aria-selected={open.value === tab}
          aria-controls={open.value === tab ? `panel-${tab}` : undefined}
          tabIndex={open.value === tab ? 0 : -1}
          onClick={() => (open.value = tab)}
        >
          {tab}
        </button>
      ))}
    </div>
  );
}
