// Owns how a formula is shown: as its source, and as mathematics once Temml has converted it.
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { drawFormula } from "./formula-drawing.ts";
import { inSlices } from "./idle-slices.ts";

export interface FormulaProps {
  readonly tex: string;
  /** Whether the formula is a block; otherwise it is within a line. */
  readonly display: boolean;
  /** The source with its delimiters, shown for an invalid formula. */
  readonly raw: string;
}

/** Converted formulas, oldest first; undefined for an invalid formula. */
const drawn = new Map<string, VNode | undefined>();
const maxDrawn = 500;

export function Formula({ tex, display, raw }: FormulaProps): VNode {
  const key = `${display ? "block" : "line"} ${tex}`;
  const [, setShown] = useState(key);
  useEffect(() => {
    if (drawn.has(key)) return undefined;
    let left = false;
    let leave = (): void => {};
    const show = (draw: typeof drawFormula): boolean => {
      keep(key, draw(tex, display));
      setShown(`${key} drawn`);
      return false;
    };
    void import("./formula-drawing.ts").then(
      (loaded) => {
        if (!left) leave = inSlices(() => show(loaded.drawFormula));
      },
      // If Temml does not load, formulas stay source text.
      () => undefined,
    );
    return () => {
      left = true;
      leave();
    };
  }, [key]);
  const math = drawn.get(key);
  const kind = display ? "formula display" : "formula";
  return math === undefined ? <span class={`${kind} source`}>{raw}</span> : <span class={kind}>{math}</span>;
}

function keep(key: string, math: VNode | undefined): void {
  const oldest = drawn.keys().next();
  if (drawn.size >= maxDrawn && oldest.done !== true) drawn.delete(oldest.value);
  drawn.set(key, math);
}
