// Owns the line that says who answers here, and how they are.
import type { VNode } from "preact";
import type { WorkerAbout } from "./worker-about.ts";

export function WorkerBadge({ about }: { readonly about: WorkerAbout }): VNode | null {
  const info = about.info.value;
  if (!about.reachable.value) return <span class="badge bad">The worker does not answer</span>;
  if (info === undefined) return null;
  return (
    <div class="worker-line">
      <span class="model" title={info.model}>
        {info.model}
      </span>
      {info.backend === "fake" && <span class="badge warn">fake backend: no model</span>}
      {info.state === "failed" && <span class="badge bad">failed</span>}
      {(info.state === "loading" || info.state === "starting") && <span class="badge warn">loading the model…</span>}
      {info.state === "draining" && <span class="badge warn">leaving</span>}
    </div>
  );
}
