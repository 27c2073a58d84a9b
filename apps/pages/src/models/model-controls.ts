// Owns a page's control of models: their list, running changes, and whether this visitor may change them.
import { signal, type Signal } from "@preact/signals";
import { formatPercent } from "../parts/format.ts";
import type { Api } from "../wire/api.ts";
import { createChangeRights, type ChangeRights } from "./changes/change-rights.ts";
import { createChanges, type Change, type Changes } from "./changes/changes.ts";
import type { Download } from "@waggle/protocol";
import { createDownloads, isRunning, type Downloads } from "./downloads/downloads.ts";
import type { ModelList } from "./model-list.ts";
import { progressOf, spokenProgress, stageWords, type ModelProgress } from "./model-words.ts";

export interface ModelControls {
  readonly api: Api;
  readonly list: ModelList;
  readonly changes: Changes;
  readonly downloads: Downloads;
  readonly rights: ChangeRights;
  /** Whether the dialog of models is open. */
  readonly open: Signal<boolean>;
}

/** @param onChanged called after each change */
export function createModelControls(api: Api, list: ModelList, onChanged: () => void): ModelControls {
  return {
    api,
    list,
    changes: createChanges(api, onChanged),
    downloads: createDownloads(api, onChanged),
    rights: createChangeRights(api),
    open: signal(false),
  };
}

export interface ChangeSummary {
  readonly state: "running" | "failed";
  readonly words: string;
  /** The words for screen readers, which do not change with each percent. */
  readonly spoken: string;
}

/**
 * The summary while the dialog is closed: of a failed change or download, or else of what runs. Undefined if nothing runs.
 * @param failedDownload the name of a download that failed
 */
export function summaryOf(
  changes: readonly Change[],
  downloads: readonly Download[],
  failedDownload: string | undefined,
): ChangeSummary | undefined {
  const failed = changes.find(({ state }) => state === "failed");
  if (failed !== undefined) return failureOf("Change failed", failed.subject);
  if (failedDownload !== undefined) return failureOf("Download failed", failedDownload);
  const download = downloads.find(isRunning);
  if (download !== undefined) return summaryOfProgress(download.name, progressOf(download));
  const running = changes.find(({ progress }) => progress !== undefined) ?? changes[0];
  if (running === undefined) return undefined;
  const { progress, subject } = running;
  if (progress === undefined) return { state: "running", words: "Changing…", spoken: `${subject} changes…` };
  return summaryOfProgress(subject, progress);
}

function failureOf(words: string, subject: string): ChangeSummary {
  return { state: "failed", words, spoken: `${words}: ${subject}` };
}

function summaryOfProgress(subject: string, progress: ModelProgress): ChangeSummary {
  const share = progress.progress === undefined ? "…" : ` ${formatPercent(progress.progress)}`;
  return {
    state: "running",
    words: `${stageWords(progress)}${share}`,
    spoken: `${subject}: ${spokenProgress(progress)}`,
  };
}
