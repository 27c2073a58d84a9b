// Owns `waggle jobs`: lists the running and waiting jobs.
import type { ListedJob } from "@waggle/protocol";
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
const stateWords = { prefill: "reading", decode: "writing" } as const;

export const run: Run = async (context, words) => {
  const { out, signal } = context;
  const servers = await findServers(context, words.text("url"));
  const lists = await askServers(context, servers, ({ client }) => client.jobs({ signal }));
  if (words.has("json")) {
    out.write(jsonOf(lists));
    return;
  }
  const rows = lists.flatMap((list) => list.answer.jobs.map((job) => [...workerCell(list), ...rowOf(job)]));
  out.write(formatTable([...workerColumn(lists), ...columns], rows));
  const more = lists.reduce((sum, { answer }) => sum + answer.total, 0) - rows.length;
  if (more > 0) out.write(out.style.dim(`${more} more jobs.\n`));
  if (lists.some(({ answer }) => answer.of === "own")) out.write(out.style.dim("Jobs of this token only.\n"));
};

function rowOf({ job_id, client, model, state, position, tokens, age_ms, running_ms = 0 }: ListedJob): string[] {
  const words = state === "queued" ? `waiting, ${position}` : stateWords[state];
  return [job_id, client, model, words, String(tokens), formatDuration(Math.max(0, age_ms - running_ms))];
}
