// Owns the reasoning before an answer: shows its duration, and its text after a click.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { Markdown } from "../../parts/markdown/markdown.tsx";
import { isThinking, type Answer } from "../conversation/answer.ts";
import { thoughtWords } from "../words.ts";
import "../tool-calls/tools.css";

export function Thoughts({ answer }: { readonly answer: Answer }): VNode | null {
  const open = useSignal(false);
  const { thoughts, thoughtMs } = answer;
  if (thoughts === undefined || thoughts.trim() === "") return null;
  const thinking = isThinking(answer);
  return (
    <details class="thoughts small muted" onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>
        {thinking && <span class="live-dot pulse" />}
        <span class="numbers">{thoughtWords(thoughtMs, thinking)}</span>
      </summary>
      {/* Closed thoughts are not drawn again with each token. */}
      {open.value && <Markdown text={thoughts} />}
    </details>
  );
}
