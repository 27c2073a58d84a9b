// Owns `waggle jobs`: lists the running and waiting jobs.
import type { ListedJob } from "@waggle/protocol";
import { formatDuration } from "@waggle/daemon/terminal";
import type { Run } from "../command.ts";
import { formatTable } from "../terminal/table.ts";
import { needServer } from "./need-server.ts";

const columns = [
  { title: "JOB" },
  { title: "CLIENT" },
  { title: "MODEL" },
  { title: "STATE" },
  { title: "TOKENS", right: true },
  { title: "WAITED", right: true },
];
const stateWords = { prefill: "reading", decode: "writing" } as const;

export const run: Run = async (context, words) => {
  const { client } = await needServer(context, words.text("url"), "jobs");
  const list = await client.jobs({ signal: context.signal });
  if (words.has("json")) {
    context.out.write(`${JSON.stringify(list, undefined, 2)}\n`);
    return;
  }
  const { jobs, total, of } = list;
  context.out.write(formatTable(columns, jobs.map(rowOf)));
  if (total > jobs.length) context.out.write(context.out.style.dim(`${total - jobs.length} more jobs.\n`));
  if (of === "own") context.out.write(context.out.style.dim("Jobs of this token only.\n"));
};

function rowOf({ job_id, client, model, state, position, tokens, age_ms, running_ms = 0 }: ListedJob): string[] {
  const words = state === "queued" ? `waiting, ${position}` : stateWords[state];
  return [job_id, client, model, words, String(tokens), formatDuration(Math.max(0, age_ms - running_ms))];
}
