// Owns what the chat can do with models: the list, the changes that are under way, and whether this visitor may change any.
import type { Api } from "../wire/api.ts";
import { createChangeRights } from "./change-rights.ts";
import type { ChangeRights } from "./change-rights.ts";
import { createChanges } from "./changes.ts";
import type { Change, Changes } from "./changes.ts";
import type { ModelList } from "./model-list.ts";
import { spokenProgress, stageWords } from "./model-words.ts";
import { percent } from "../parts/percent.ts";

export interface ModelControls {
  readonly api: Api;
  readonly list: ModelList;
  readonly changes: Changes;
  readonly rights: ChangeRights;
}

/** @param onChanged called after each change */
export function createModelControls(api: Api, list: ModelList, onChanged: () => void): ModelControls {
  return { api, list, changes: createChanges({ api, onChanged }), rights: createChangeRights(api) };
}

export interface ChangeSummary {
  readonly state: "running" | "failed";
  readonly words: string;
  /** For who listens: it does not change with each percent. */
  readonly spoken: string;
}

/** What there is to tell of changes while nobody looks at them: a failure first. Undefined where nothing goes on. */
export function summaryOf(changes: readonly Change[]): ChangeSummary | undefined {
  const failed = changes.find(({ state }) => state === "failed");
  if (failed !== undefined) {
    const words = failed.kind === "pull" ? "Download failed" : "Change failed";
    return { state: "failed", words, spoken: `${words}: ${failed.subject}` };
  }
  const running = changes.find(({ progress }) => progress !== undefined) ?? changes[0];
  if (running === undefined) return undefined;
  const { progress, subject } = running;
  if (progress === undefined) return { state: "running", words: "Changing…", spoken: `${subject} changes…` };
  const share = progress.progress === undefined ? "…" : ` ${percent(progress.progress)}`;
  return {
    state: "running",
    words: `${stageWords(progress)}${share}`,
    spoken: `${subject}: ${spokenProgress(progress)}`,
  };
}
