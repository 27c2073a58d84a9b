// Owns the totals over all workers, at the top of the hive's page.
import type { VNode } from "preact";
import type { Totals as TotalFigures } from "./state/worker-figures.ts";
import { formatFigure } from "../parts/format.ts";

export function Totals({ totals }: { readonly totals: TotalFigures }): VNode {
  const { workers, slots, queued, queuedAtGateways, tokensPerSecond, requests, errors, restarts } = totals;
  const away = [workers.stale > 0 ? `${workers.stale} late` : "", workers.gone > 0 ? `${workers.gone} offline` : ""];
  return (
    <section class="card" aria-labelledby="totals-title">
      <h2 id="totals-title">All workers</h2>
      <dl class="facts totals">
        <Total
          name="Workers online"
          value={String(workers.alive)}
          note={away.filter((text) => text !== "").join(", ")}
        />
        <Total name="Slots busy" value={String(slots.busy)} note={`of ${slots.total}`} />
        <Total
          name="Waiting"
          value={String(queued)}
          note={queuedAtGateways > 0 ? `${queuedAtGateways} at gateways` : "in queues"}
        />
        <Total name="Tokens/s" value={formatFigure(tokensPerSecond)} />
        <Total name="Requests" value={formatFigure(requests)} />
        <Total name="Errors" value={formatFigure(errors)} />
        <Total name="Engine restarts" value={formatFigure(restarts)} />
      </dl>
    </section>
  );
}

function Total({
  name,
  value,
  note = "",
}: {
  readonly name: string;
  readonly value: string;
  readonly note?: string;
}): VNode {
  return (
    <div data-total={name}>
      <dt>{name}</dt>
      <dd>
        {value}
        {note !== "" && <span class="small muted"> {note}</span>}
      </dd>
    </div>
  );
}
