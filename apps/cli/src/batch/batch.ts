// Owns `waggle batch`: runs a file of requests as a batch, and lists and changes the batches of a server.
import type { Batch } from "@waggle/protocol";
import { wrongUse } from "../cli-error.ts";
import type { Context, Run, Words } from "../command.ts";
import { formatTable, numbers, texts } from "../terminal/table.ts";
import { needWorker } from "../worker/reach.ts";
import { batchCells, changedWords } from "./batch-words.ts";
import { runBatch } from "./run-batch.ts";

const columns = [...texts("BATCH", "CREATED", "STATUS"), ...numbers("LINES", "DONE", "FAILED", "LINES/S", "LEFT")];
const changes = ["cancel", "pause", "resume"] as const;

export const run: Run = async (context, words) => {
  const [action = "", target] = words.args;
  if (action === "list") return await list(context, words);
  const change = changes.find((one) => one === action);
  if (action !== "run" && change === undefined) {
    throw wrongUse(`Unknown command batch ${action}. Available: run, list, ${changes.join(", ")}.`);
  }
  if (target === undefined) {
    const wanted = change === undefined ? "the file with the requests" : "the id of the batch (see waggle batch list)";
    throw wrongUse(`Name ${wanted}: waggle batch ${action} <${change === undefined ? "file" : "id"}>.`);
  }
  if (change === undefined) return await runBatch(context, words, target);
  const { client } = await needWorker(context, words.text("url"));
  const batch = await client.batches.change(target, change, { signal: context.signal });
  context.out.write(words.has("json") ? jsonOf(batch) : changedWords(batch, change));
  return undefined;
};

async function list(context: Context, words: Words): Promise<undefined> {
  const { out, signal } = context;
  const { client } = await needWorker(context, words.text("url"));
  const batches: Batch[] = [];
  for await (const batch of client.batches.list({ signal })) batches.push(batch);
  const rows = batches.map((batch) => batchCells(batch, Date.now()));
  const why = batches.flatMap(({ id, reason }) => (reason == null ? [] : `${id} waits: ${reason}\n`));
  out.write(words.has("json") ? jsonOf({ batches }) : formatTable(columns, rows) + why.join(""));
  return undefined;
}

function jsonOf(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
