// Owns the buttons that continue, retry or regenerate an answer.
import type { VNode } from "preact";
import { ActionButton, IconButton } from "../../parts/icons.tsx";
import { canContinue, isEmpty, isLive, type Answer } from "../conversation/answer.ts";
import type { Chat } from "../chat.ts";

export interface AnswerActionsProps {
  readonly answer: Answer;
  /** Whether the answer follows a message. Without the message there is nothing to answer again. */
  readonly asked: boolean;
  readonly chat: Pick<Chat, "continue" | "reconnect" | "regenerate">;
}

/** Buttons for an answer that failed; the button that keeps most of the text comes first. */
export function RecoveryButtons({ answer, asked, chat }: AnswerActionsProps): VNode | null {
  if (!asked) return null;
  const { id, problem, lastIndex } = answer;
  const isLost = problem?.code === "unreachable" && lastIndex >= 0;
  return (
    <span class="row">
      {isLost && <ActionButton label="Retry" icon="retry" onClick={() => chat.reconnect(id)} />}
      {canContinue(answer) && <ActionButton label="Continue" icon="next" onClick={() => chat.continue(id)} />}
      {!isLost && (
        <ActionButton
          label={isEmpty(answer) ? "Retry" : "Regenerate"}
          icon="retry"
          onClick={() => chat.regenerate(id)}
        />
      )}
    </span>
  );
}

/** The button for an answer that was stopped or reached a limit. */
export function ContinueButton({ answer, asked, chat }: AnswerActionsProps): VNode | null {
  const isCut = answer.phase === "stopped" || answer.cutShort === true;
  if (!asked || !isCut || answer.problem !== undefined || !canContinue(answer)) return null;
  return <ActionButton label="Continue" icon="next" onClick={() => chat.continue(answer.id)} />;
}

export function RegenerateButton({ answer, asked, chat }: AnswerActionsProps): VNode | null {
  if (!asked || isLive(answer)) return null;
  return <IconButton icon="retry" label="Regenerate" onClick={() => chat.regenerate(answer.id)} />;
}
