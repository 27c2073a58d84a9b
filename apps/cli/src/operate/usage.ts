// Owns `waggle usage`: jobs, tokens and quota of each client.
import type { ClientUsage, QuotaUse } from "@waggle/protocol";
import { formatCount } from "@waggle/daemon/terminal";
import type { Run } from "../command.ts";
import { formatTable } from "../terminal/table.ts";
import { needServer } from "./need-server.ts";

const columns = [
  { title: "CLIENT" },
  { title: "RUNNING", right: true },
  { title: "FINISHED", right: true },
  { title: "FAILED", right: true },
  { title: "REFUSED", right: true },
  { title: "READ", right: true },
  { title: "WRITTEN", right: true },
  { title: "QUOTA LEFT" },
];

export const run: Run = async (context, words) => {
  const { client } = await needServer(context, words.text("url"), "usage");
  const report = await client.usage({ signal: context.signal });
  if (words.has("json")) {
    context.out.write(`${JSON.stringify(report, undefined, 2)}\n`);
    return;
  }
  context.out.write(formatTable(columns, report.clients.map(rowOf)));
  context.out.write(context.out.style.dim(`Since ${report.since}.\n`));
};

function rowOf({
  client,
  running,
  jobs,
  requests,
  prompt_tokens,
  completion_tokens,
  quota = {},
}: ClientUsage): string[] {
  return [
    client,
    String(running),
    String(jobs.finished),
    String(jobs.failed),
    String(requests.refused),
    formatCount(prompt_tokens),
    formatCount(completion_tokens),
    quotaWords(quota),
  ];
}

function quotaWords(quota: QuotaUse): string {
  const { requests_per_minute, tokens_per_minute, tokens_per_day, running_jobs } = quota;
  const parts = [
    [requests_per_minute, "requests/min"],
    [tokens_per_minute, "tokens/min"],
    [tokens_per_day, "tokens/day"],
    [running_jobs, "jobs"],
  ] as const;
  return parts
    .flatMap(([use, unit]) => (use === undefined ? [] : [`${formatCount(use.left)}/${formatCount(use.limit)} ${unit}`]))
    .join(", ");
}
