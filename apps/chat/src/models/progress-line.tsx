// Owns how the progress of a model is shown: a bar, its figures, and for who listens a sentence now and then.
import type { VNode } from "preact";
import { percent } from "../parts/percent.ts";
import { figureWords, spokenProgress, stageWords } from "./model-words.ts";
import type { ModelProgress } from "./model-words.ts";

export interface ProgressLineProps {
  readonly progress: ModelProgress;
  /** Of what, for who listens. */
  readonly subject: string;
}

export function ProgressLine({ progress, subject }: ProgressLineProps): VNode {
  const share = progress.progress;
  const figures = figureWords(progress);
  return (
    <div class="progress-line">
      {/* Without a value it pulses: how far it is, nobody knows. */}
      <progress
        class={share === undefined ? "pulse" : undefined}
        aria-label={`${subject}: ${stageWords(progress)}`}
        max={1}
        {...(share === undefined ? {} : { value: share })}
      />
      <p class="small numbers">
        {[stageWords(progress), share === undefined ? "" : percent(share), figures]
          .filter((words) => words !== "")
          .join(" · ")}
      </p>
      <span class="visually-hidden" role="status">
        {`${subject}: ${spokenProgress(progress)}`}
      </span>
    </div>
  );
}
