// Owns the totals over all workers, at the top of the hive's page.
import type { VNode } from "preact";
import type { Totals as TotalFigures } from "./state/worker-figures.ts";
import { formatFigure } from "../parts/format.ts";

export function Totals({ totals }: { readonly totals: TotalFigures }): VNode {
  const { workers, slots, queued, queuedAtGateways, tokensPerSecond, requests, errors, restarts } = totals;
  const away = [workers.stale > 0 ? `${workers.stale} late` : "", workers.gone > 0 ? `${workers.gone} offline` : ""];
  const rows: readonly (readonly [name: string, value: string, note?: string])[] = [
    ["Workers online", String(workers.alive), away.filter((text) => text !== "").join(", ")],
    ["Slots busy", String(slots.busy), `of ${slots.total}`],
    ["Waiting", String(queued), queuedAtGateways > 0 ? `${queuedAtGateways} at gateways` : "in queues"],
    ["Tokens/s", formatFigure(tokensPerSecond)],
    ["Requests", formatFigure(requests)],
    ["Errors", formatFigure(errors)],
    ["Engine restarts", formatFigure(restarts)],
  ];
  return (
    <section class="card" aria-labelledby="totals-title">
      <h2 id="totals-title">All workers</h2>
      <dl class="facts totals">
        {rows.map(([name, value, note = ""]) => (
          <div key={name} data-total={name}>
            <dt>{name}</dt>
            <dd>
              {value}
              {note !== "" && <span class="small muted"> {note}</span>}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
