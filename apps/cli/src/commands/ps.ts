// Owns `waggle ps`: lists the failed and the loaded models with their memory, and the memory that models share; at a hive, of all its workers. The
// embedded model is listed also when it is not loaded.
import type { ModelStatus } from "@waggle/protocol";
import type { Run } from "../command.ts";
import { formatBytes } from "@waggle/daemon/terminal";
import { formatTable, numbers, texts } from "../terminal/table.ts";
import { modelStateWords } from "@waggle/protocol/words";
import { reasonLines, shortState, stayWords } from "../worker/model-words.ts";
import { embeddedModel } from "../local/embedded-model.ts";
import { askServers, findServers, jsonOf, workerCell, workerColumn } from "../operate/need-server.ts";
import { isAddressGiven } from "../worker/reach.ts";

const columns = [
  ...texts("NAME", "STATE"),
  ...numbers("MEMORY", "SLOTS", "WAITING", "CONTEXT", "POOL"),
  ...texts("INPUT", "STAYS LOADED"),
];

export const run: Run = async (context, words) => {
  const { out, signal } = context;
  const url = words.text("url");
  const servers = await findServers(context, url);
  const lists = await askServers(context, servers, async ({ client }) => {
    const { models, budget } = await client.models.list({ signal });
    return { models: models.filter(({ state }) => state !== "unloaded"), budget };
  });
  const isLoaded = lists.some(({ answer }) => answer.models.some(({ source }) => source === "embedded"));
  const unloaded = isLoaded || isAddressGiven(context, url) ? [] : [await embeddedModel()];
  if (words.has("json")) {
    out.write(
      jsonOf(
        lists.map((list) => ({ ...list, answer: { ...list.answer, models: [...list.answer.models, ...unloaded] } })),
      ),
    );
    return;
  }
  const now = Date.now();
  const all = lists.flatMap((list) => list.answer.models.map((model) => ({ list, model })));
  const failedFirst = all.toSorted((one, other) => rankOf(one.model) - rankOf(other.model));
  const rows = failedFirst.map(({ list, model }) => [
    ...workerCell(list),
    model.name,
    shortState(model),
    model.memory === undefined ? "" : formatBytes(model.memory.measured ?? model.memory.total),
    model.slots === undefined ? "" : `${model.slots.busy}/${model.slots.total}`,
    String(model.queued),
    String(model.context_size ?? ""),
    String(model.context_pool ?? ""),
    model.vision === undefined ? "text" : "text, pictures",
    // A gateway does not know how long its workers keep their models loaded.
    list.answer.budget === undefined ? "" : stayWords(model, now),
  ]);
  const others = unloaded.map(({ name, state }) => [name, modelStateWords[state]]);
  out.write(formatTable([...workerColumn(lists), ...columns], [...rows, ...others]));
  for (const { worker, answer } of lists) {
    const { models } = answer;
    const place = workerPrefix(worker);
    // A worker takes the command itself, also if a hive shows it.
    const at = worker === undefined ? "" : ` --url <address of ${worker}>`;
    out.write(reasonLines(models).replaceAll(/^(?=.)/gm, place));
    for (const { name } of models.filter(({ state }) => state === "failed"))
      out.write(`${place}Repair ${name}, then: waggle load ${name}${at}\n`);
  }
  for (const { worker, answer } of lists) {
    const { budget } = answer;
    if (budget === undefined) continue;
    const { total, used } = budget.memory;
    const of = total === null ? "" : ` of ${formatBytes(total)}`;
    const reserved = `${formatBytes(used)}${of} is reserved for models, which share ${budget.threads} threads.`;
    out.write(out.style.dim(`${workerPrefix(worker)}${reserved}\n`));
  }
};

function workerPrefix(worker: string | undefined): string {
  return worker === undefined ? "" : `${worker}: `;
}

/** Failed models come first. */
function rankOf({ state }: ModelStatus): number {
  return state === "failed" ? 0 : 1;
}
