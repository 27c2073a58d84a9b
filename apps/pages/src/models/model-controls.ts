// Owns the chat's control of models: their list, running changes, and whether this visitor may change them.
import { formatPercent } from "../parts/format.ts";
import type { Api } from "../wire/api.ts";
import { createChangeRights } from "./changes/change-rights.ts";
import type { ChangeRights } from "./changes/change-rights.ts";
import { createChanges } from "./changes/changes.ts";
import type { Change, Changes } from "./changes/changes.ts";
import type { ModelList } from "./model-list.ts";
import { spokenProgress, stageWords } from "./model-words.ts";

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
  /** The words for screen readers, which do not change with each percent. */
  readonly spoken: string;
}

/** The summary while the dialog of changes is closed: of a failed change, or else of a running change. Undefined without changes. */
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
  const share = progress.progress === undefined ? "…" : ` ${formatPercent(progress.progress)}`;
  return {
    state: "running",
    words: `${stageWords(progress)}${share}`,
    spoken: `${subject}: ${spokenProgress(progress)}`,
  };
}
