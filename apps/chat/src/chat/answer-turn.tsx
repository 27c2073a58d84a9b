// Owns how an answer is shown: what is being waited for, its text, its figures, and what went wrong with it.
import type { ModelStatus } from "@waggle/protocol";
import type { VNode } from "preact";
import { useContext } from "preact/hooks";
import { arrivalWords } from "../models/model-words.ts";
import { CopyButton } from "../parts/copy-button.tsx";
import { Icon } from "../parts/icons.tsx";
import { Markdown } from "../parts/markdown.tsx";
import { percent } from "../parts/percent.ts";
import { ProblemNotice } from "../parts/problem-notice.tsx";
import type { Advice } from "../wire/advice.ts";
import { isLive } from "./answer.ts";
import type { Answer } from "./answer.ts";
import type { ModelChoice } from "./model-choice.ts";
import { PageActionsContext } from "./page-actions.ts";
import { describeLine, milliseconds, rate } from "./words.ts";

export interface AnswerTurnProps {
  readonly answer: Answer;
  readonly isLast: boolean;
  readonly choice: ModelChoice;
  readonly onRetry: (answerId: string) => void;
}

export function AnswerTurn({ answer, isLast, choice, onRetry }: AnswerTurnProps): VNode {
  const live = isLive(answer);
  return (
    <li class="turn answer" data-phase={answer.phase}>
      <h3 class="visually-hidden">Answer</h3>
      {(answer.leftOut ?? 0) > 0 && (
        <p class="small muted">{`Earlier messages left out, because the context is full: ${answer.leftOut}.`}</p>
      )}
      {answer.thoughts !== undefined && (
        <details class="thoughts small muted" open={live && answer.text === ""}>
          <summary>Thoughts</summary>
          <Markdown text={answer.thoughts} />
        </details>
      )}
      {answer.text !== "" && <Markdown text={answer.text} />}
      {live && <Waiting answer={answer} choice={choice} />}
      {answer.problem !== undefined && (
        <ProblemNotice
          problem={answer.problem}
          actions={({ remedy }) => (
            <>
              <RetryButton answer={answer} onRetry={onRetry} named />
              {remedy !== undefined && <RemedyButton remedy={remedy} />}
            </>
          )}
        />
      )}
      <div class="turn-tools">
        {!live && answer.text !== "" && <CopyButton text={answer.text} label="Copy answer" />}
        {!live && isLast && answer.problem === undefined && <RetryButton answer={answer} onRetry={onRetry} />}
        <Figures answer={answer} />
      </div>
    </li>
  );
}

function Waiting({ answer, choice }: Pick<AnswerTurnProps, "answer" | "choice">): VNode | null {
  const wait = waitingWords(answer, choice.find(answer.model));
  if (wait === undefined) return null;
  return (
    <p class="waiting muted" role="status">
      <span class="live-dot pulse" /> {wait}
    </p>
  );
}

/**
 * Undefined while tokens come or nothing does any more.
 * @param model the one that answers, where the worker has several
 */
function waitingWords(answer: Answer, model: ModelStatus | undefined): string | undefined {
  if (answer.reconnecting === true) return "Reconnecting…";
  switch (answer.phase) {
    case "sending":
      return "Sending…";
    case "waiting": {
      const line = describeLine(answer.position ?? 1, answer.etaMs);
      const wait = model === undefined ? undefined : arrivalWords(model);
      return wait === undefined ? `Waiting (${line})` : `${wait} (${line})`;
    }
    case "loading":
      return (model === undefined ? undefined : arrivalWords(model)) ?? "Loading the model…";
    case "thinking":
      return answer.promptShare === undefined
        ? "Thinking…"
        : `Reading the conversation (${percent(answer.promptShare)})…`;
    case "streaming":
    case "done":
    case "stopped":
    case "broken":
      return undefined;
  }
}

function Figures({ answer }: { readonly answer: Answer }): VNode | null {
  const figures = [
    answer.phase === "stopped" ? "Stopped" : undefined,
    answer.cutShort === true ? "Cut off at max tokens" : undefined,
    answer.tokens > 0 ? `${answer.tokens} ${answer.tokens === 1 ? "token" : "tokens"}` : undefined,
    answer.tokensPerSecond === undefined ? undefined : `${rate(answer.tokensPerSecond)} tokens/s`,
    answer.ttftMs === undefined ? undefined : `first token after ${milliseconds(answer.ttftMs)}`,
    answer.tokens > 0 ? answer.model : undefined,
  ].filter((figure) => figure !== undefined);
  if (figures.length === 0) return null;
  return <span class="figures small muted numbers">{figures.join(" · ")}</span>;
}

interface RetryProps {
  readonly answer: Answer;
  readonly onRetry: (answerId: string) => void;
  readonly named?: boolean;
}

function RetryButton({ answer, onRetry, named = false }: RetryProps): VNode {
  return (
    <button
      type="button"
      class={named ? "button tiny" : "button icon tiny quiet"}
      aria-label={named ? undefined : "Regenerate"}
      title={named ? undefined : "Regenerate"}
      onClick={() => onRetry(answer.id)}
    >
      <Icon name="retry" />
      {named && "Retry"}
    </button>
  );
}

function RemedyButton({ remedy }: { readonly remedy: NonNullable<Advice["remedy"]> }): VNode {
  const page = useContext(PageActionsContext);
  return remedy === "token" ? (
    <button type="button" class="button tiny" onClick={page.giveToken}>
      Give a token
    </button>
  ) : (
    <button type="button" class="button tiny" onClick={page.openSettings}>
      Open Settings
    </button>
  );
}
