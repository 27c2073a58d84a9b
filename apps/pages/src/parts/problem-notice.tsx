// Owns the notice of a problem: its title, what to do, how long to wait, and the daemon's message as details.
import type { ComponentChildren, VNode } from "preact";
import { adviseOn, type Advice } from "../wire/advice.ts";
import type { Problem } from "../wire/problem.ts";
import { Countdown } from "./countdown.tsx";

export interface ProblemNoticeProps {
  readonly problem: Problem;
  /** Draws the buttons for the advice. */
  readonly actions?: (advice: Advice) => ComponentChildren;
}

export function ProblemNotice({ problem, actions }: ProblemNoticeProps): VNode {
  const advice = adviseOn(problem, Date.now());
  return (
    <div class="notice bad stack tight">
      <div role="alert">
        <strong>{advice.title}</strong>
        <p>{advice.todo}</p>
      </div>
      <div class="row">
        {actions?.(advice)}
        {problem.retryAt !== undefined && (
          <Countdown until={problem.retryAt} before="Try again in" after="You can try again now." />
        )}
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
