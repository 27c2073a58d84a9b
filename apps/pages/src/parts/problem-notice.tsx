// Owns the notice of a problem: its title, what to do, how long to wait, and the daemon's message as details.
import type { ComponentChildren, VNode } from "preact";
import { adviseOn, type Advice } from "../wire/advice.ts";
import type { Problem } from "../wire/problem.ts";
import { Countdown } from "./countdown.tsx";

export interface ProblemNoticeProps {
  readonly problem: Problem;
  /** Called when the wait is over, if the page then tries again by itself. */
  readonly onRetry?: (() => void) | undefined;
  /** Draws the buttons for the advice. */
  readonly actions?: (advice: Advice) => ComponentChildren;
}

export function ProblemNotice({ problem, onRetry, actions }: ProblemNoticeProps): VNode {
  const advice = adviseOn(problem);
  return (
    <div class={`notice stack tight ${advice.calm ? "calm" : "bad"}`}>
      <div role={advice.calm ? "status" : "alert"}>
        <strong>{advice.title}</strong>
        <p>{advice.todo}</p>
      </div>
      <div class="row">
        {problem.retryAt !== undefined && (
          <Countdown
            until={problem.retryAt}
            before={onRetry === undefined ? "Try again in" : "Tries again in"}
            after={onRetry === undefined ? "You can try again now." : "Trying again…"}
            onEnd={onRetry}
          />
        )}
        {actions?.(advice)}
      </div>
      {problem.code !== "unreachable" && problem.code !== "gone" && (
        <details class="problem-words">
          <summary>Details</summary>
          <code>{`${problem.code}: ${problem.message}`}</code>
        </details>
      )}
    </div>
  );
}
