// Owns `waggle ps`: lists the loaded models with their memory, and the memory that models share. The embedded model is listed also when it is
// not loaded.
import type { Run } from "../command.ts";
import { formatBytes } from "@waggle/daemon/terminal";
import { formatTable } from "../terminal/table.ts";
import { reasonLines, shortState, stayWords } from "../worker/model-words.ts";
import { embeddedModel } from "../local/embedded-model.ts";
import { findWorker, isAddressGiven, noWorker } from "../worker/reach.ts";

const columns = [
  { title: "NAME" },
  { title: "STATE" },
  { title: "MEMORY", right: true },
  { title: "SLOTS", right: true },
  { title: "WAITING", right: true },
  { title: "CONTEXT", right: true },
  { title: "POOL", right: true },
  { title: "INPUT" },
  { title: "STAYS LOADED" },
];

export const run: Run = async (context, words) => {
  const found = await findWorker(context, words.text("url"));
  const { models, budget } = (await found?.client.models.list({ signal: context.signal })) ?? { models: [] };
  const loaded = models.filter(({ state }) => !["unloaded", "failed"].includes(state));
  const isLoaded = loaded.some(({ source }) => source === "embedded");
  const unloaded = isLoaded || isAddressGiven(context, words.text("url")) ? [] : [await embeddedModel()];
  if (words.has("json")) {
    context.out.write(`${JSON.stringify({ models: [...loaded, ...unloaded], budget }, undefined, 2)}\n`);
    if (found === undefined) throw noWorker(context);
    return;
  }
  const now = Date.now();
  const rows = loaded.map((model) => [
    model.name,
    shortState(model),
    model.memory === undefined ? "" : formatBytes(model.memory.measured ?? model.memory.total),
    model.slots === undefined ? "" : `${model.slots.busy}/${model.slots.total}`,
    String(model.queued),
    String(model.context_size ?? ""),
    String(model.context_pool ?? ""),
    model.vision === undefined ? "text" : "text, pictures",
    // A gateway does not know how long its workers keep their models loaded.
    budget === undefined ? "" : stayWords(model, now),
  ]);
  const others = unloaded.map(({ name, state }) => [name, state]);
  // Without a worker there is only the embedded model, which has no cells in the other columns.
  context.out.write(formatTable(found === undefined ? columns.slice(0, 2) : columns, [...rows, ...others]));
  context.out.write(reasonLines(loaded));
  if (found === undefined) throw noWorker(context);
  if (budget === undefined) return;
  const { total, used } = budget.memory;
  const of = total === null ? "" : ` of ${formatBytes(total)}`;
  context.out.write(
    context.out.style.dim(`${formatBytes(used)}${of} is reserved for models, which share ${budget.threads} threads.\n`),
  );
};
