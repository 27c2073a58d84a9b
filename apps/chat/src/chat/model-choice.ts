// Owns which of the worker's models answers: what there is to choose from, and what a conversation's choice comes to.
import { computed, effect } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import type { ModelStatus } from "@waggle/protocol";
import { isOnItsWay } from "../models/model-list.ts";
import type { ModelList } from "../models/model-list.ts";

/** While a model is on its way, or an answer waits for one. */
const soonMs = 1_000;
const laterMs = 15_000;

export interface ModelChoice {
  /** All models of a worker that has several; none where there is nothing to choose. */
  readonly models: ReadonlySignal<readonly ModelStatus[]>;
  /** Of that name or alias, as the worker told last. */
  find(name: string | undefined): ModelStatus | undefined;
  /** What a conversation's choice comes to now; undefined where there is nothing to choose. */
  chosen(wanted: string | undefined): ModelStatus | undefined;
  /** The same once the worker has said what it has: what a request names. */
  toAsk(wanted: string | undefined): Promise<string | undefined>;
  /** Asks again now. */
  refresh(): void;
}

/** @param waits whether an answer of this tab has not begun yet: then the models are asked for more often */
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

/** The wanted one if it is still there and can chat; else the worker's default, one that is loaded, or the first. */
export function chooseModel(models: readonly ModelStatus[], wanted: string | undefined): ModelStatus | undefined {
  const able = models.filter(canChat);
  return (
    findModel(able, wanted) ??
    able.find((model) => model.default) ??
    able.find(({ state }) => state === "ready") ??
    able[0]
  );
}
