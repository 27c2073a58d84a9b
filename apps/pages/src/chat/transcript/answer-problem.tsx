// Owns the notice of an answer's problem, with the buttons that can help.
import type { ComponentChild, VNode } from "preact";
import { Button } from "../../parts/icons.tsx";
import { ProblemNotice } from "../../parts/problem-notice.tsx";
import type { Remedy } from "../../wire/advice.ts";
import type { Problem } from "../../wire/problem.ts";
import { canContinue, isEmpty } from "../conversation/answer.ts";
import { usePage } from "../page.ts";
import type { AnswerViewProps } from "./answer-view.tsx";
import { messageToEdit } from "./message-editor.tsx";

export interface AnswerProblemProps extends Pick<AnswerViewProps, "answer" | "asked" | "isLast"> {
  readonly problem: Problem;
}

export function AnswerProblem({ answer, problem, asked, isLast }: AnswerProblemProps): VNode {
  const { api, chat, controls, openSettings } = usePage();
  const { id, jobId, parent, lastIndex } = answer;
  const isLost = problem.code === "unreachable" && lastIndex >= 0;
  const retries = asked && isLast && chat.busyRetry.waiting.value === jobId;
  const tryNow = (): void => chat.continue(id);
  const buttons: Readonly<Record<Remedy, ComponentChild>> = {
    token: (
      <Button
        label="Enter a token"
        icon="edit"
        onClick={() => (api.tokenAsked.value = api.hasToken.peek() ? "change" : "first")}
      />
    ),
    settings: <Button label="Open Settings" icon="sliders" onClick={openSettings} />,
    models: <Button label="Choose a model" icon="models" onClick={() => (controls.open.value = true)} />,
    reload: <Button label="Reload the page" icon="retry" onClick={() => location.reload()} />,
    edit: asked && parent !== undefined && (
      <Button label="Edit message" icon="edit" onClick={() => (messageToEdit.value = parent)} />
    ),
    retry: asked && (
      // The pressed button disappears with the notice. Its answer stays.
      <span class="row" onClick={(event) => event.currentTarget.closest<HTMLElement>(".turn")?.focus()}>
        {isLost && <Button label="Retry" icon="retry" onClick={() => chat.reconnect(id)} />}
        {retries && <Button label="Try now" icon="retry" onClick={tryNow} />}
        {retries && (
          <Button label="Stop trying" icon="close" onClick={() => (chat.busyRetry.waiting.value = undefined)} />
        )}
        {!retries && canContinue(answer) && <Button label="Continue" icon="next" onClick={tryNow} />}
        {!retries && !isLost && (
          <Button label={isEmpty(answer) ? "Retry" : "Regenerate"} icon="retry" onClick={() => chat.regenerate(id)} />
        )}
      </span>
    ),
  };
  return (
    <ProblemNotice
      problem={problem}
      onRetry={retries ? tryNow : undefined}
      actions={({ remedies }) => remedies.map((remedy) => buttons[remedy])}
    />
  );
}
