// Owns the progress of a model: a bar, its figures, and a sentence for screen readers at each quarter.
import type { ModelStatus } from "@waggle/protocol";
import type { VNode } from "preact";
import { progressWords, spokenProgress, stageWords, type ModelProgress } from "../model-words.ts";

export interface ProgressLineProps {
  readonly progress: ModelProgress;
  /** The subject, for screen readers. */
  readonly subject: string;
}

export function ProgressLine({ progress, subject }: ProgressLineProps): VNode {
  const share = progress.progress;
  return (
    <div class="progress-line">
      {/* Without a value the bar pulses: the progress is unknown. */}
      <progress
        class={share === undefined ? "pulse" : undefined}
        aria-label={`${subject}: ${stageWords(progress)}`}
        max={1}
        {...(share === undefined ? {} : { value: share })}
      />
      <p class="small numbers">{progressWords(progress)}</p>
      <span class="visually-hidden" role="status">
        {`${subject}: ${spokenProgress(progress)}`}
      </span>
    </div>
  );
}

/** The progress of a load or download, even if another client or the worker started it. */
export function StageProgress({ model: { name, state, progress } }: { readonly model: ModelStatus }): VNode | null {
  if (state !== "waiting" && state !== "downloading" && state !== "loading") return null;
  const share = progress === undefined ? {} : { progress };
  return <ProgressLine subject={name} progress={{ type: "progress", stage: state, ...share }} />;
}
