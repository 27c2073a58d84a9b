// Owns the table of tokens by client.
import type { VNode } from "preact";
import type { WorkerView } from "./state/hive-view.ts";
import { clientsOf } from "./state/worker-figures.ts";
import { formatCount } from "../parts/format.ts";

export function Clients({ workers }: { readonly workers: readonly WorkerView[] }): VNode {
  const clients = clientsOf(workers);
  return (
    <section class="card" aria-labelledby="clients-title">
      <h2 id="clients-title">Tokens by client</h2>
      {clients.length === 0 ? (
        <p class="muted small">No requests yet.</p>
      ) : (
        <div class="table-scroll" role="region" aria-label="Table of clients" tabIndex={0}>
          <table class="client-table small">
            <thead>
              <tr>
                <th scope="col">Client</th>
                {["Requests", "Prompt", "Tokens"].map((title) => (
                  <th scope="col" class="number" key={title}>
                    {title}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {clients.map(({ client, requests, promptTokens, completionTokens }) => (
                <tr key={client} data-client={client}>
                  <th scope="row">{client}</th>
                  {[requests, promptTokens, completionTokens].map((count, i) => (
                    <td class="number numbers" key={i}>
                      {formatCount(count)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p class="small muted">
        Clients have the names of their API tokens; “local” is every client of a worker in local mode. Counts begin at
        each worker's start.
      </p>
    </section>
  );
}
