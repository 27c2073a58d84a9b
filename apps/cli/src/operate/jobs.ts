// Owns `waggle jobs`: lists the running and waiting jobs, or ended jobs with where their time went.
import type { EndedJob, JobList, ListedJob } from "@waggle/protocol";
import { shortIdsOf } from "@waggle/protocol/short-ids";
import { endReasonWords, jobStateWords } from "@waggle/protocol/words";
import stringWidth from "string-width";
import { counted, formatDuration, formatTime, formatZone } from "@waggle/daemon/terminal";
import { isPast } from "@waggle/telemetry/day-log";
import type { Run } from "../command.ts";
import { formatTable, numbers, texts, type Column } from "../terminal/table.ts";
import { askServers, findServers, jsonOf, workerCell, workerColumn, type Answer } from "./need-server.ts";
import { pastQueryOf } from "./past-words.ts";
import { findPast } from "./stored-past.ts";

const jobColumn = { title: "JOB" };
const clientColumn = { title: "CLIENT" };
const modelColumn = { title: "MODEL" };
/** @param worker texts("WORKER") for jobs of a gateway */
const columnsWith = (worker: readonly Column[]): readonly Column[] => [
  ...[jobColumn, clientColumn, modelColumn],
  ...texts("STATE"),
  ...worker,
  ...numbers("TOKENS", "WAITED"),
];
const endedColumns = [
  ...texts(`ENDED ${formatZone(Date.now())}`),
  ...[jobColumn, clientColumn, modelColumn],
  ...texts("REASON"),
  ...numbers("WAITED", "READ", "WROTE", "PROMPT", "TOKENS"),
];

export const run: Run = async (context, words) => {
  const { out, signal } = context;
  const past = pastQueryOf(words);
  const ended = words.has("ended") || isPast(past);
  const servers = await (ended ? findPast : findServers)(context, words.text("url"));
  const lists = await askServers(context, servers, async ({ client }) => await client.jobs({ ended, ...past, signal }));
  if (words.has("json")) {
    out.write(jsonOf(lists));
    return;
  }
  const show = (usual: readonly Column[], jobs: readonly Shown[]): void => {
    const all = [...workerColumn(lists), ...usual];
    const rows = jobs.map(({ list, cells }) => [...workerCell(list), ...cells]);
    out.write(out.isTerminal ? formatNarrow(all, shortenIds(all, rows), out.columns()) : formatTable(all, rows));
  };
  if (ended) {
    const jobs = lists.flatMap((list) => (list.answer.ended ?? []).map((job) => ({ list, job })));
    const newest = jobs.toSorted((a, b) => b.job.ended_at.localeCompare(a.job.ended_at));
    show(
      endedColumns,
      newest.map(({ list, job }) => ({ list, cells: endedRowOf(job) })),
    );
  } else {
    const jobs = lists.flatMap((list) => list.answer.jobs.map((job) => ({ list, job })));
    const hasWorkers = jobs.some(({ job }) => job.worker !== undefined);
    const rows = jobs.map(({ list, job }) => ({ list, cells: rowOf(job, hasWorkers) }));
    show(columnsWith(hasWorkers ? texts("WORKER") : []), rows);
    const more = lists.reduce((sum, { answer }) => sum + answer.total, 0) - rows.length;
    if (more > 0) out.write(out.style.dim(`${counted(more, "more job")}.\n`));
  }
  if (lists.some(({ answer }) => answer.of === "own")) out.write(out.style.dim("Jobs of this token only.\n"));
};

interface Shown {
  readonly list: Answer<JobList>;
  readonly cells: readonly string[];
}

type Rows = readonly (readonly string[])[];

function shortenIds(all: readonly Column[], rows: Rows): Rows {
  const at = all.indexOf(jobColumn);
  const short = shortIdsOf(rows.map((row) => row[at] ?? ""));
  return rows.map((row) => row.map((cell, i) => (i === at ? (short.get(cell) ?? cell) : cell)));
}

/** Leaves out the model, and then the client, if the table is wider than the terminal and all rows have the same one. */
function formatNarrow(
  all: readonly Column[],
  rows: Rows,
  width: number,
  [column, ...others]: readonly Column[] = [modelColumn, clientColumn],
): string {
  const table = formatTable(all, rows);
  if (column === undefined || table.split("\n").every((line) => stringWidth(line) <= width)) return table;
  const at = all.indexOf(column);
  const kept = <T>(cells: readonly T[]): readonly T[] => cells.filter((_, i) => i !== at);
  const isOne = new Set(rows.map((row) => row[at])).size <= 1;
  return isOne ? formatNarrow(kept(all), rows.map(kept), width, others) : formatNarrow(all, rows, width, others);
}

function rowOf(job: ListedJob, hasWorkers: boolean): string[] {
  const { client, model, worker = "", tokens, age_ms, running_ms = 0 } = job;
  const waited = formatDuration(Math.max(0, age_ms - running_ms));
  return [idOf(job), client, model, jobStateWords(job), ...(hasWorkers ? [worker] : []), String(tokens), waited];
}

/** A fleet's worker knows a job under an id of its attempt; people know the client's id. */
function idOf({ job_id, stream_id = job_id }: Pick<ListedJob, "job_id" | "stream_id">): string {
  return stream_id;
}

function endedRowOf(job: EndedJob): string[] {
  const { waiting_ms, reading_ms, writing_ms } = job;
  return [
    localTime(job.ended_at),
    idOf(job),
    job.client,
    job.model,
    endReasonWords(job.reason),
    ...[waiting_ms, reading_ms, writing_ms].map(formatDuration),
    String(job.prompt_tokens),
    String(job.tokens),
  ];
}

/** Time of day on this machine, since an operator compares it with when a person complained. A time of another day also has its date, and its time zone if that differs. */
function localTime(iso: string): string {
  const now = formatTime(Date.now());
  const [day = "", time = "", zone = ""] = formatTime(iso).split(" ");
  const words = now.startsWith(day) ? time : `${day} ${time}`;
  return now.endsWith(zone) ? words : `${words} ${zone}`;
}
