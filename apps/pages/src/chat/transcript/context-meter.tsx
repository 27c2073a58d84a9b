// Owns the line that shows how much of the model's context the conversation uses.
import type { VNode } from "preact";
import type { ContextUse } from "../conversation/context-use.ts";
import { formatCount, formatShare } from "../../parts/format.ts";

export function ContextMeter({ use }: { readonly use: ContextUse }): VNode {
  const words = `${formatCount(use.used)} of ${formatCount(use.total)} tokens`;
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
          {formatShare(use.share)}
        </meter>
        <span class="muted numbers">{`${words} (${formatShare(use.share)})`}</span>
      </div>
      {use.warning !== undefined && <p role="status">{use.warning}</p>}
    </div>
  );
}
