// Owns `waggle jobs`: lists the running and waiting jobs, or the last ended jobs with where their time went.
import type { EndedJob, ListedJob } from "@waggle/protocol";
import { formatDuration } from "@waggle/daemon/terminal";
import type { Run } from "../command.ts";
import { formatTable } from "../terminal/table.ts";
import { askServers, findServers, jsonOf, workerCell, workerColumn } from "./need-server.ts";

const columns = [
  { title: "JOB" },
  { title: "CLIENT" },
  { title: "MODEL" },
  { title: "STATE" },
  { title: "TOKENS", right: true },
  { title: "WAITED", right: true },
];
const endedColumns = [
  { title: "ENDED" },
  { title: "JOB" },
  { title: "CLIENT" },
  { title: "MODEL" },
  { title: "REASON" },
  { title: "WAITED", right: true },
  { title: "READ", right: true },
  { title: "WROTE", right: true },
  { title: "PROMPT", right: true },
  { title: "TOKENS", right: true },
];
const stateWords = { prefill: "reading", decode: "writing" } as const;

export const run: Run = async (context, words) => {
  const { out, signal } = context;
  const servers = await findServers(context, words.text("url"));
  const ended = words.has("ended");
  const lists = await askServers(context, servers, ({ client }) => client.jobs({ ended, signal }));
  if (words.has("json")) {
    out.write(jsonOf(lists));
    return;
  }
  if (ended) {
    const jobs = lists.flatMap((list) => (list.answer.ended ?? []).map((job) => ({ list, job })));
    const newest = jobs.toSorted((a, b) => b.job.ended_at.localeCompare(a.job.ended_at));
    const cells = newest.map(({ list, job }) => [...workerCell(list), ...endedRowOf(job)]);
    out.write(formatTable([...workerColumn(lists), ...endedColumns], cells));
  } else {
    const rows = lists.flatMap((list) => list.answer.jobs.map((job) => [...workerCell(list), ...rowOf(job)]));
    out.write(formatTable([...workerColumn(lists), ...columns], rows));
    const more = lists.reduce((sum, { answer }) => sum + answer.total, 0) - rows.length;
    if (more > 0) out.write(out.style.dim(`${more} more jobs.\n`));
  }
  if (lists.some(({ answer }) => answer.of === "own")) out.write(out.style.dim("Jobs of this token only.\n"));
};

function rowOf({ job_id, client, model, state, position, tokens, age_ms, running_ms = 0 }: ListedJob): string[] {
  const words = state === "queued" ? `waiting, ${position}` : stateWords[state];
  return [job_id, client, model, words, String(tokens), formatDuration(Math.max(0, age_ms - running_ms))];
}

function endedRowOf(job: EndedJob): string[] {
  const { waiting_ms, reading_ms, writing_ms } = job;
  return [
    localTime(job.ended_at),
    job.job_id,
    job.client,
    job.model,
    job.reason,
    ...[waiting_ms, reading_ms, writing_ms].map(formatDuration),
    String(job.prompt_tokens),
    String(job.tokens),
  ];
}

/** Time of day on this machine, since an operator compares it with when a person complained. */
function localTime(iso: string): string {
  const at = new Date(iso);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}
