// Owns the models as the front sees them: the view of each model, and the status of all.
import { basename } from "node:path";
import { deferred, onAbort } from "@waggle/async";
import type { Clock } from "@waggle/async";
import { markPictures, splitAtPictures } from "@waggle/chat-format/describe";
import type { ChatFormat } from "@waggle/chat-format/format";
import type { EngineQuery, EngineQueryResult } from "@waggle/engine";
import type { ModelPrompts, ServedModel, ServedModels } from "@waggle/front";
import { WaggleError, mediaMarker, refuseField } from "@waggle/protocol";
import type { ModelStatus, SlotStatus, WorkerInfo } from "@waggle/protocol";
import { chatOf } from "./chat-abilities.ts";
import type { Descriptions } from "../models/list/descriptions.ts";
import { currentModelStatus } from "../models/list/model.ts";
import type { Model } from "../models/list/model.ts";
import type { ModelHost } from "../models/run/model-host-port.ts";
import type { Models } from "../models/list/models.ts";

export interface ServedOptions {
  readonly models: Models;
  /** Descriptions of models that are not loaded, from their files. */
  readonly descriptions: Descriptions;
  readonly clock: Clock;
  readonly threads: number;
  /** The facts about the worker and one of its models. */
  readonly infoOf: (entry: Model) => WorkerInfo;
}

export interface Served extends ServedModels {
  statusOf(entry: Model): ModelStatus;
  of(entry: Model): ServedModel;
}

export function createServed(options: ServedOptions): Served {
  const { models, clock, descriptions } = options;
  const { pool } = models;
  const views = new WeakMap<Model, ServedModel>();

  function statusOfEntry(entry: Model): ModelStatus {
    return currentModelStatus(entry, {
      pool,
      isDefault: models.isDefault(entry),
      now: clock.now(),
      chat: chatOf(entry.current, descriptions),
    });
  }

  function of(entry: Model): ServedModel {
    const known = views.get(entry) ?? createServedModel(entry, options, statusOfEntry);
    views.set(entry, known);
    return known;
  }

  return {
    of,
    statusOf: statusOfEntry,
    find: (name) => of(models.find(name)),
    all: () => models.entries().map(of),
    get fallback() {
      const entry = models.fallback;
      return entry === undefined ? undefined : of(entry);
    },
    statuses: () => ({
      models: models.entries().map(statusOfEntry),
      budget: {
        memory: { total: pool.budget.bytes ?? null, used: pool.usedBytes },
        threads: options.threads,
      },
    }),
  };
}

function createServedModel(
  entry: Model,
  { models, descriptions, infoOf }: ServedOptions,
  status: (entry: Model) => ModelStatus,
): ServedModel {
  const { pool } = models;

  /** The answer format and prompt inputs: from the engine's report if the model was ever loaded, otherwise from its file. */
  async function formatAndPrompts(failed: string): Promise<FormatAndPrompts> {
    const { current: host } = entry;
    const description = host.info === undefined ? await descriptions.of(host) : undefined;
    if (host.info !== undefined) {
      const { chatFormat, promptTexts, modelPath, modelName } = host.info;
      return { chatFormat, prompts: { fileName: basename(modelPath ?? modelName), ...promptTexts } };
    }
    if (description !== undefined) {
      const { path, chatFormat, chatTemplate, bos, eos } = description;
      const fileName = basename(path);
      return { chatFormat, prompts: { fileName, chatTemplate, bos, eos } };
    }
    throw notLoaded(failed);
  }

  /** Answers from the model's file as the engine would, so that no request waits for a model's first load. */
  async function answerByFile(question: EngineQuery, signal: AbortSignal): Promise<EngineQueryResult> {
    if (question.kind !== "render") throw notLoaded("Cannot ask the model");
    const rendered = await descriptions.prompt(entry.current, markPictures(question), signal);
    if (signal.aborted) throw new WaggleError("cancelled", "The client left.");
    if (rendered === undefined) throw notLoaded("Cannot ask the model");
    if (rendered.kind === "rendered") {
      const parts = splitAtPictures(rendered.prompt);
      return { kind: "render", prompt: parts.map((part) => (typeof part === "string" ? part : mediaMarker)).join("") };
    }
    throw refuseField("messages", rendered.problem);
  }

  /** Begins to load the model. Returns an error: the model is not loaded yet, or cannot be loaded for some reason. */
  function notLoaded(failed: string): WaggleError {
    const { current: host } = entry;
    const { source, facts } = host.file;
    pool.load(host);
    const { name, reason } = host.state;
    if (name === "failed" && reason !== undefined) return new WaggleError("unavailable", reason);
    const why = source === "download" && facts === undefined ? "downloaded" : "loaded";
    return new WaggleError("unavailable", `${failed}: the model is not ${why} yet.`, { retryAfterS: 1 });
  }

  /**
   * Waits until the model is ready, has failed or is no longer wanted, or the signal aborts. Then calls `then`, and resolves with its
   * result. `then` starts in the same turn as the change of the model, before another request can unload the model.
   */
  async function onceLoaded<T>(host: ModelHost, signal: AbortSignal, then: () => Promise<T>): Promise<T> {
    const begun = deferred<{ readonly answer: Promise<T> }>();
    let over = false;
    const settleIfLoaded = (): void => {
      const { name } = host.state;
      const isOver = name === "ready" || name === "failed" || (name === "unloaded" && !pool.isWanted(host));
      if (over || !(isOver || signal.aborted)) return;
      over = true;
      begun.resolve({ answer: then() });
    };
    const forgetState = host.state.onChange(settleIfLoaded);
    const forgetLeaving = onAbort(signal, settleIfLoaded);
    settleIfLoaded();
    const { answer } = await begun.promise;
    forgetState();
    forgetLeaving();
    return await answer;
  }

  return {
    get name() {
      return entry.name;
    },
    get aliases() {
      return [...entry.aliases];
    },
    info: () => infoOf(entry),
    status: () => status(entry),
    lane: () => ({ slots: slotCountOf(entry), isLoaded: entry.current.state.name === "ready" }),
    slots: () => slotsOf(entry),
    chatFormat: async () => (await formatAndPrompts("Cannot tell how the model's answers are written")).chatFormat,
    prompts: async () => (await formatAndPrompts("Cannot tell what the model's prompts are made of")).prompts,
    requireLoaded() {
      if (entry.current.info === undefined) throw notLoaded("Cannot tell what the model is loaded with");
    },
    async query(question, signal, client) {
      const { current: host } = entry;
      if (host.loads.count === 0) {
        const answer = await answerByFile(question, signal);
        return answer as Extract<EngineQueryResult, { kind: typeof question.kind }>;
      }
      // A model that was loaded before is loaded again for the query, and stays loaded until the answer.
      const lease = pool.use(host);
      try {
        return await onceLoaded(host, signal, async () => {
          const { name, reason } = host.state;
          if (name === "failed" && reason !== undefined) throw new WaggleError("unavailable", reason);
          return await host.dispatcher.query(question, signal, client);
        });
      } finally {
        lease.end();
      }
    },
    get loading() {
      return entry.current.loading;
    },
  };
}

interface FormatAndPrompts {
  readonly chatFormat: ChatFormat;
  readonly prompts: ModelPrompts;
}

function slotCountOf({ current: { info }, settings }: Model): number {
  return info?.slots ?? settings.slots;
}

function slotsOf(entry: Model): readonly SlotStatus[] {
  const { slots } = entry.current;
  if (slots.length > 0) return slots;
  return Array.from({ length: slotCountOf(entry) }, (_, id) => ({
    id,
    state: "idle" as const,
    prompt_tokens: 0,
    tokens: 0,
  }));
}
