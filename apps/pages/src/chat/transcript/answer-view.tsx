// Owns how an answer is shown: its state while it waits, its text, its figures and its error.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { Countdown } from "../../parts/countdown.tsx";
import { CopyButton } from "../../parts/copy-button.tsx";
import { Button, IconButton } from "../../parts/icons.tsx";
import { Markdown } from "../../parts/markdown/markdown.tsx";
import { SwitchButton, createRememberedSwitch } from "../../parts/remembered-switch.tsx";
import { overrideWords } from "../compare/overrides.ts";
import { AnswerProblem } from "./answer-problem.tsx";
import { canContinue, isEmpty, isLive, isThinking, type Answer } from "../conversation/answer.ts";
import { BranchSwitch } from "./branch-switch.tsx";
import { McpStepList } from "../mcp/mcp-step-list.tsx";
import { DeleteButton } from "./delete-button.tsx";
import { usePage } from "../page.ts";
import { ToolCalls } from "../tool-calls/tool-call-cards.tsx";
import { EditButton, MessageEditor, useEditing } from "./message-editor.tsx";
import { figureWords, thoughtWords, waitingWords } from "../words.ts";
import "../tool-calls/tools.css";

export interface AnswerViewProps {
  readonly answer: Answer;
  /** Ids of all answers to the same message, itself included. */
  readonly siblings: readonly string[];
  /** Whether the answer follows a message. Without the message there is nothing to answer again. */
  readonly asked: boolean;
  /** Whether no message follows the answer. */
  readonly isLast: boolean;
}

export function AnswerView({ answer, siblings, asked, isLast }: AnswerViewProps): VNode {
  const live = isLive(answer);
  const editing = useEditing(answer.id);
  const { chat, compare } = usePage();
  const branches = <BranchSwitch siblings={siblings} shown={answer.id} kind="answer" />;
  const isCut = answer.phase === "stopped" || answer.cutShort === true;
  if (editing.open.value) {
    return (
      <li class="turn answer stack tight" data-turn={answer.id} data-phase={answer.phase}>
        <MessageEditor
          editing={editing}
          text={answer.text}
          label="Edit the answer"
          action="Save"
          onSave={(text) => chat.edit(answer.id, text)}
        >
          {branches}
        </MessageEditor>
      </li>
    );
  }
  return (
    <li class="turn answer stack tight" data-turn={answer.id} data-phase={answer.phase} tabIndex={-1}>
      <h2 class="visually-hidden">Answer</h2>
      {(answer.leftOut ?? 0) > 0 && (
        <p class="small muted">{`Earlier messages left out because the context is full: ${answer.leftOut}.`}</p>
      )}
      <AnswerBody answer={answer} isLast={isLast} />
      {answer.problem !== undefined && <AnswerProblem {...{ answer, asked, isLast }} problem={answer.problem} />}
      <div class="row turn-tools">
        {branches}
        {isCut && asked && answer.problem === undefined && canContinue(answer) && (
          <Button label="Continue" icon="next" onClick={() => chat.continue(answer.id)} />
        )}
        <span class="row turn-icons">
          {!live && answer.text !== "" && (
            <>
              <CopyButton text={answer.text} label="Copy answer" />
              <EditButton editing={editing} label="Edit answer" />
            </>
          )}
          {!live && asked && answer.problem === undefined && (
            <>
              <IconButton icon="retry" label="Regenerate" onClick={() => chat.regenerate(answer.id)} />
              <IconButton
                icon="compare"
                label="Compare"
                title="Compare with another answer"
                kind="tiny quiet compare-button"
                onClick={() => compare(answer.id)}
              />
            </>
          )}
          {!live && <DeleteButton messageId={answer.id} label="Delete answer" />}
          {figuresOf(answer).length > 0 && (
            <SwitchButton
              of={showsFigures}
              icon="numbers"
              label="Show numbers"
              title="Show numbers: tokens, speed, model"
            />
          )}
        </span>
        <Figures answer={answer} />
      </div>
    </li>
  );
}

/** What the model has written, and what the answer waits for. */
export function AnswerBody({ answer, isLast }: Pick<AnswerViewProps, "answer" | "isLast">): VNode {
  return (
    <>
      <McpStepList answer={answer} />
      <Thoughts answer={answer} />
      {answer.text !== "" && <Markdown text={answer.text} />}
      <ToolCalls answer={answer} isLast={isLast} />
      {answer.phase === "done" && isEmpty(answer) && <p class="muted">The model gave an empty answer.</p>}
      <Waiting answer={answer} />
    </>
  );
}

function Waiting({ answer }: { readonly answer: Answer }): VNode | null {
  const { choice } = usePage();
  const lost = answer.reconnecting === true;
  const wait = lost ? "Reconnecting…" : waitingWords(answer, choice.find(answer.model));
  if (wait === undefined) return null;
  return (
    <div class="row waiting muted">
      <span class="live-dot pulse" /> <span role="status">{wait}</span>
      {lost && answer.reconnectAt !== undefined && (
        <Countdown until={answer.reconnectAt} before="Next try in" after="Trying…" />
      )}
    </div>
  );
}

/** Whether the answers show their numbers. */
export const showsFigures = createRememberedSwitch("waggle.figures");

/** The numbers of an answer, and its model at a worker with several. */
function figuresOf(answer: Answer): readonly string[] {
  const { tokens, model } = answer;
  return tokens > 0 && model !== undefined ? [...figureWords(answer), model] : figureWords(answer);
}

/** How the answer ended, and its numbers if they are switched on. */
function Figures({ answer }: { readonly answer: Answer }): VNode | null {
  const ends = [
    answer.edited === true ? "Edited" : undefined,
    answer.phase === "stopped" ? "Stopped" : undefined,
    answer.cutShort === true ? cutWords(answer) : undefined,
    answer.continuedAfter === undefined ? undefined : "Continued",
  ];
  const words = [...ends, ...(showsFigures.on.value ? figuresOf(answer) : []), overrideWords(answer.overrides)].filter(
    Boolean,
  );
  if (words.length === 0) return null;
  return <span class="figures small muted numbers">{words.join(" · ")}</span>;
}

function cutWords({ stoppedBy }: Answer): string {
  switch (stoppedBy) {
    case "context":
      return "Cut off: the context is full";
    case "repetition":
      return "Cut off: repetition";
    default:
      return "Cut off at max tokens";
  }
}

/** The reasoning before an answer: its duration, and its text after a click. */
function Thoughts({ answer }: { readonly answer: Answer }): VNode | null {
  const open = useSignal(false);
  const { thoughts, thoughtMs } = answer;
  if (thoughts === undefined || thoughts.trim() === "") return null;
  const thinking = isThinking(answer);
  return (
    <details class="thoughts small muted" onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>
        {thinking && <span class="live-dot pulse" />}
        <span class="numbers">{thoughtWords(thoughtMs, thinking)}</span>
      </summary>
      {/* Closed thoughts are not drawn again with each token. */}
      {open.value && <Markdown text={thoughts} />}
    </details>
  );
}
