// Owns the buttons that have the model go on with an answer, or say it anew.
import type { VNode } from "preact";
import { Icon } from "../parts/icons.tsx";
import type { IconName } from "../parts/icons.tsx";
import { canContinue, isEmpty, isLive } from "./answer.ts";
import type { Answer } from "./answer.ts";
import type { Chat } from "./chat.ts";

export interface AnswerActionsProps {
  readonly answer: Answer;
  readonly chat: Pick<Chat, "continue" | "reconnect" | "regenerate">;
}

/** What helps an answer that broke off: first what keeps the most of it. */
export function RecoveryButtons({ answer, chat }: AnswerActionsProps): VNode {
  const { id, problem, lastIndex } = answer;
  const isLost = problem?.code === "unreachable" && lastIndex >= 0;
  return (
    <span class="row">
      {isLost && <Action label="Retry" icon="retry" onClick={() => chat.reconnect(id)} />}
      {canContinue(answer) && <Action label="Continue" icon="next" onClick={() => chat.continue(id)} />}
      {!isLost && (
        <Action label={isEmpty(answer) ? "Retry" : "Regenerate"} icon="retry" onClick={() => chat.regenerate(id)} />
      )}
    </span>
  );
}

/** Of an answer that broke off for no fault: it was stopped, or ran into a limit. */
export function ContinueButton({ answer, chat }: AnswerActionsProps): VNode | null {
  const isCut = answer.phase === "stopped" || answer.cutShort === true;
  if (!isCut || answer.problem !== undefined || !canContinue(answer)) return null;
  return <Action label="Continue" icon="next" onClick={() => chat.continue(answer.id)} />;
}

export function RegenerateButton({ answer, chat }: AnswerActionsProps): VNode | null {
  if (isLive(answer)) return null;
  return (
    <button
      type="button"
      class="button icon tiny quiet"
      aria-label="Regenerate"
      title="Regenerate"
      onClick={() => chat.regenerate(answer.id)}
    >
      <Icon name="retry" />
    </button>
  );
}

interface ActionProps {
  readonly label: string;
  readonly icon: IconName;
  readonly onClick: () => void;
}

function Action({ label, icon, onClick }: ActionProps): VNode {
  return (
    <button type="button" class="button tiny" onClick={onClick}>
      <Icon name={icon} />
      {label}
    </button>
  );
}
