// Owns `waggle jobs`: lists the running and waiting jobs, or the last ended jobs with where their time went.
import type { EndedJob, JobList, ListedJob } from "@waggle/protocol";
import { counted, formatDuration } from "@waggle/daemon/terminal";
import type { Run } from "../command.ts";
import { formatTable, type Column } from "../terminal/table.ts";
import { askServers, findServers, jsonOf, workerCell, workerColumn, type Answer } from "./need-server.ts";
import { shortIdsOf } from "./short-ids.ts";

const modelColumn = { title: "MODEL" };
const columns = [
  { title: "JOB" },
  { title: "CLIENT" },
  modelColumn,
  { title: "STATE" },
  { title: "TOKENS", right: true },
  { title: "WAITED", right: true },
];
const endedColumns = [
  { title: "ENDED" },
  { title: "JOB" },
  { title: "CLIENT" },
  modelColumn,
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
  const show = (usual: readonly Column[], jobs: readonly Shown[]): void => {
    const all = [...workerColumn(lists), ...usual];
    const rows = jobs.map(({ list, cells }) => [...workerCell(list), ...cells]);
    out.write(out.isTerminal ? formatNarrow(all, rows) : formatTable(all, rows));
  };
  if (ended) {
    const jobs = lists.flatMap((list) => (list.answer.ended ?? []).map((job) => ({ list, job })));
    const newest = jobs.toSorted((a, b) => b.job.ended_at.localeCompare(a.job.ended_at));
    show(
      endedColumns,
      newest.map(({ list, job }) => ({ list, cells: endedRowOf(job) })),
    );
  } else {
    const rows = lists.flatMap((list) => list.answer.jobs.map((job) => ({ list, cells: rowOf(job) })));
    show(columns, rows);
    const more = lists.reduce((sum, { answer }) => sum + answer.total, 0) - rows.length;
    if (more > 0) out.write(out.style.dim(`${counted(more, "more job")}.\n`));
  }
  if (lists.some(({ answer }) => answer.of === "own")) out.write(out.style.dim("Jobs of this token only.\n"));
};

interface Shown {
  readonly list: Answer<JobList>;
  readonly cells: readonly string[];
}

/** Fits a terminal of 80 columns: with short ids, and with the models only if they differ. */
function formatNarrow(all: readonly Column[], rows: readonly (readonly string[])[]): string {
  const at = all.findIndex(({ title }) => title === "JOB");
  const model = all.indexOf(modelColumn);
  const short = shortIdsOf(rows.map((row) => row[at] ?? ""));
  const isOne = new Set(rows.map((row) => row[model])).size <= 1;
  const kept = <T>(cells: readonly T[]): readonly T[] => cells.filter((_, i) => !(isOne && i === model));
  return formatTable(
    kept(all),
    rows.map((row) => kept(row.map((cell, i) => (i === at ? (short.get(cell) ?? cell) : cell)))),
  );
}

function rowOf({ job_id, client, model, state, position, tokens, age_ms, running_ms = 0 }: ListedJob): string[] {
  // A job in a fleet's queue has no position.
  const waits = position === 0 ? "waiting" : `waiting, ${position}`;
  const words = state === "queued" ? waits : stateWords[state];
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
