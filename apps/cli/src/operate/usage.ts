// Owns `waggle usage`: jobs, tokens and quota of each client.
import type { ClientUsage, QuotaUse } from "@waggle/protocol";
import { formatCount, formatTime } from "@waggle/daemon/terminal";
import type { Run } from "../command.ts";
import { formatTable, numbers, texts } from "../terminal/table.ts";
import { askServers, findServers, jsonOf, workerCell, workerColumn } from "./need-server.ts";

const columns = [
  ...texts("CLIENT"),
  // ACTIVE: the jobs that wait or run, as `running-jobs` of a quota counts them.
  ...numbers("ACTIVE", "FINISHED", "FAILED", "REJECTED", "PROMPT", "TOKENS"),
  ...texts("QUOTA LEFT"),
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

function rowOf({ client, running, jobs, requests, quota = {}, ...tokens }: ClientUsage): string[] {
  const counts = [running, jobs.finished, jobs.failed, requests.refused].map(String);
  const read = formatCount(tokens.prompt_tokens);
  return [client, ...counts, read, formatCount(tokens.completion_tokens), quotaWords(quota)];
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
