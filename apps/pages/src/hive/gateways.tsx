// Owns the list of a fleet's gateways, with each gateway's jobs, start and address.
import type { HiveGateway } from "@waggle/protocol";
import type { VNode } from "preact";
import { ago } from "./words.ts";
import { PageLink } from "./workers/worker-links.tsx";

/** @param hiveNow the hive's clock, milliseconds since 1970 */
export function Gateways(props: { readonly gateways: readonly HiveGateway[]; readonly hiveNow: number }): VNode {
  return (
    <section class="card" aria-labelledby="gateways-title">
      <h2 id="gateways-title">Gateways</h2>
      {props.gateways.length === 0 && <p class="muted small">No gateways.</p>}
      <ul class="gateways">
        {props.gateways.map(({ gateway_id: id, url, jobs, waiting = 0, started_at: startedAt }) => (
          <li key={id} data-gateway={id}>
            <span class="who">{id}</span>
            <span class="small numbers">
              {jobs === 1 ? "1 job" : `${jobs} jobs`}
              {waiting > 0 && `, ${waiting} waiting`}
            </span>
            <span class="small muted numbers">started {ago(props.hiveNow - Date.parse(startedAt))}</span>
            <PageLink page="Chat" of={id} url={url} />
          </li>
        ))}
      </ul>
    </section>
  );
}
