// Owns the choice of the model that answers: the models to choose from, and the model that a conversation gets.
import { computed, effect, type ReadonlySignal } from "@preact/signals";
import type { ModelStatus } from "@waggle/protocol";
import { isOnItsWay, type ModelList } from "../../models/model-list.ts";

/** Interval of requests for the models while a model loads or an answer waits for a model. */
const soonMs = 1_000;
const laterMs = 15_000;

export interface ModelChoice {
  /** All models of a worker with several models; empty at a worker with one model. */
  readonly models: ReadonlySignal<readonly ModelStatus[]>;
  /** The model with that name or alias in the worker's last list. */
  find(name: string | undefined): ModelStatus | undefined;
  /** The model that a conversation gets; undefined at a worker with one model. */
  chosen(wanted: string | undefined): ModelStatus | undefined;
  /** The name of the model that a conversation gets; waits until the worker has listed its models. */
  toAsk(wanted: string | undefined): Promise<string | undefined>;
  refresh(): void;
}

/** @param waits whether an answer of this tab has not begun; the models are then requested more often */
export function createModelChoice(list: ModelList, waits: ReadonlySignal<boolean>): ModelChoice {
  const models = computed(() => {
    const all = list.statuses.value?.models ?? [];
    return all.length > 1 ? all : [];
  });
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function ask(): Promise<void> {
    clearTimeout(timer);
    if (document.visibilityState === "visible") await list.refresh();
    clearTimeout(timer);
    const soon = waits.peek() || models.peek().some(isOnItsWay);
    timer = setTimeout(() => void ask(), soon ? soonMs : laterMs);
  }

  effect(() => {
    if (waits.value) void ask();
  });
  void ask();
  document.addEventListener("visibilitychange", () => void ask());

  return {
    models,
    find: (name) => findModel(models.value, name),
    chosen: (wanted) => chooseModel(models.value, wanted),
    async toAsk(wanted) {
      if (list.statuses.peek() === undefined) await list.refresh();
      return chooseModel(models.peek(), wanted)?.name;
    },
    refresh: () => void ask(),
  };
}

export function canChat({ kind }: ModelStatus): boolean {
  return kind === undefined || kind === "generate";
}

export function findModel(models: readonly ModelStatus[], name: string | undefined): ModelStatus | undefined {
  if (name === undefined) return undefined;
  return models.find((model) => model.name === name) ?? models.find(({ aliases }) => aliases.includes(name));
}

/** The wanted model if the worker has that model and the model can chat; otherwise the default model, a loaded model, or the first model. */
export function chooseModel(models: readonly ModelStatus[], wanted: string | undefined): ModelStatus | undefined {
  const able = models.filter(canChat);
  return (
    findModel(able, wanted) ??
    able.find((model) => model.default) ??
    able.find(({ state }) => state === "ready") ??
    able[0]
  );
}
