// Owns `waggle usage`: jobs, tokens and quota of each client.
import type { ClientUsage, QuotaUse } from "@waggle/protocol";
import { formatCount, formatTime } from "@waggle/daemon/terminal";
import type { Run } from "../command.ts";
import { formatTable } from "../terminal/table.ts";
import { askServers, findServers, jsonOf, workerCell, workerColumn } from "./need-server.ts";

const columns = [
  { title: "CLIENT" },
  // The jobs that wait or run, as `running-jobs` of a quota counts them.
  { title: "ACTIVE", right: true },
  { title: "FINISHED", right: true },
  { title: "FAILED", right: true },
  { title: "REFUSED", right: true },
  { title: "READ", right: true },
  { title: "WRITTEN", right: true },
  { title: "QUOTA LEFT" },
];

export const run: Run = async (context, words) => {
  const { out, signal } = context;
  const servers = await findServers(context, words.text("url"));
  const reports = await askServers(context, servers, ({ client }) => client.usage({ signal }));
  if (words.has("json")) {
    out.write(jsonOf(reports));
    return;
  }
  const rows = reports.flatMap((report) =>
    report.answer.clients.map((client) => [...workerCell(report), ...rowOf(client)]),
  );
  out.write(formatTable([...workerColumn(reports), ...columns], rows));
  for (const { worker, answer } of reports)
    out.write(out.style.dim(`${worker === undefined ? "Since" : `${worker}: since`} ${formatTime(answer.since)}.\n`));
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
