// Shows the text of a call or a result as it is, with invisible characters escaped. Of a long text, shows the first lines until a click.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { formatCounted } from "../../parts/format.ts";
import { Button } from "../../parts/icons.tsx";
import { withEscapes } from "./tool-calls.ts";
import "./tools.css";

/** A text with more lines, or with more characters than fill about as many lines, is closed at first. */
const linesShown = 12;
const charsShown = 1_200;

export interface VerbatimProps {
  readonly text: string;
  /** For screen readers. */
  readonly label: string;
}

export function Verbatim({ text, label }: VerbatimProps): VNode {
  const open = useSignal(false);
  const lines = text.split("\n");
  const start = lines.slice(0, linesShown).join("\n").slice(0, charsShown);
  const isLong = start.length < text.length;
  const all = lines.length > linesShown ? formatCounted(lines.length, "line") : formatCounted(text.length, "character");
  return (
    <>
      <pre class="verbatim" tabIndex={0} role="group" aria-label={label}>
        {text === "" ? <span class="muted">Nothing</span> : withEscapes(open.value ? text : start)}
      </pre>
      {isLong && (
        <Button
          label={open.value ? "Show less" : `Show all ${all}`}
          kind="quiet tiny show-all"
          onClick={() => (open.value = !open.value)}
        />
      )}
    </>
  );
}
