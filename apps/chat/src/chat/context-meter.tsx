// Owns the line that tells how much of the model's context the conversation has used.
import type { VNode } from "preact";
import { percent } from "../parts/percent.ts";
import type { ContextUse } from "./context-use.ts";

export function ContextMeter({ use }: { readonly use: ContextUse }): VNode {
  const words = `${use.used.toLocaleString("en")} of ${use.total.toLocaleString("en")} tokens`;
  return (
    <div class="context-line small" data-nearly-full={use.warning !== undefined}>
      <div class="row">
        <span class="muted">Context</span>
        <meter
          min={0}
          max={use.total}
          high={use.total * 0.8}
          optimum={0}
          value={Math.min(use.used, use.total)}
          aria-label="Context used"
        >
          {percent(use.share)}
        </meter>
        <span class="muted numbers">{`${words} (${percent(use.share)})`}</span>
      </div>
      {use.warning !== undefined && <p role="status">{use.warning}</p>}
    </div>
  );
}
