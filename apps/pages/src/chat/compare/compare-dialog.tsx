// Owns two answers to the same message, side by side. The form below them requests another answer with other settings.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Button, IconButton } from "../../parts/icons.tsx";
import { ProblemNotice } from "../../parts/problem-notice.tsx";
import { isLive, type Answer } from "../conversation/answer.ts";
import { findAnswer, searchText, shownMessages, type Conversation } from "../conversation/conversation.ts";
import { siblingIds } from "../conversation/message-tree.ts";
import type { ModelFacts } from "../model/model-facts.ts";
import { usePage } from "../page.ts";
import { AnswerBody } from "../transcript/answer-view.tsx";
import { figureWords } from "../words.ts";
import { AnotherAnswer } from "./another-answer.tsx";
import { overrideWords, type Overrides } from "./overrides.ts";
import "./compare.css";

export interface CompareDialogProps {
  readonly answer: Answer;
  readonly conversation: Conversation;
  readonly facts: ModelFacts | undefined;
  readonly onClose: () => void;
}

export function CompareDialog({ answer, conversation, facts, onClose }: CompareDialogProps): VNode {
  const { chat } = usePage();
  const dialog = useRef<HTMLDialogElement>(null);
  const columns = useRef<HTMLDivElement>(null);
  const wanted = useSignal<string | undefined>(undefined);
  const others = (siblingIds(conversation.turns).get(answer.id) ?? []).filter((id) => id !== answer.id);
  const otherId = others.find((id) => id === wanted.value) ?? others.at(-1);
  const other = otherId === undefined ? undefined : findAnswer(conversation, otherId);
  const message = conversation.turns.find(({ id }) => id === answer.parent);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  useLayoutEffect(() => {
    // On a phone, only one column is in view.
    if (otherId !== undefined) columns.current?.scrollTo({ left: columns.current.scrollWidth });
  }, [otherId]);

  function ask(overrides: Overrides): void {
    chat.regenerate(answer.id, overrides);
    wanted.value = undefined;
  }

  function keep({ id }: Answer): void {
    chat.choose(id);
    dialog.current?.close();
  }

  function closed(): void {
    const shown = shownMessages(conversation).find(({ parent }) => parent === answer.parent)?.id ?? "";
    onClose();
    // The button that opened the dialog may belong to an answer that is no longer shown.
    requestAnimationFrame(() => {
      if (document.activeElement !== document.body) return;
      document.querySelector<HTMLElement>(`[data-turn="${CSS.escape(shown)}"] .compare-button`)?.focus();
    });
  }

  const nameOf = ({ model = facts?.name ?? "Answer", overrides }: Answer): string =>
    [model, overrideWords(overrides)].filter((words) => words !== "").join(" · ");
  const again = other !== undefined && nameOf(other) === nameOf(answer) ? " · again" : "";
  return (
    <dialog class="dialog compare" ref={dialog} aria-labelledby="compare-title" onClose={closed}>
      <div class="spread">
        <div class="compare-head">
          <h2 id="compare-title">Compare answers</h2>
          {message !== undefined && <p class="small muted cut">{searchText(message)}</p>}
        </div>
        <span class="row">
          {others.length > 1 && (
            <select
              class="choice small"
              aria-label="Compare with"
              value={otherId}
              onChange={(event) => (wanted.value = event.currentTarget.value)}
            >
              {others.map((id, i) => {
                const one = findAnswer(conversation, id);
                return <option value={id}>{`${i + 1}: ${one === undefined ? "" : nameOf(one)}`}</option>;
              })}
            </select>
          )}
          <IconButton icon="close" label="Close" kind="quiet" onClick={() => dialog.current?.close()} />
        </span>
      </div>
      <div class="compare-columns" ref={columns}>
        <Column key={answer.id} answer={answer} name={nameOf(answer)} onKeep={keep} />
        {other === undefined ? (
          <p class="compare-empty muted">Ask for another answer below, with another model or temperature.</p>
        ) : (
          <Column key={other.id} answer={other} name={nameOf(other) + again} onKeep={keep} />
        )}
      </div>
      <AnotherAnswer {...{ conversation, facts }} onAsk={ask} />
    </dialog>
  );
}

interface ColumnProps {
  readonly answer: Answer;
  readonly name: string;
  readonly onKeep: (answer: Answer) => void;
}

function Column({ answer, name, onKeep }: ColumnProps): VNode {
  const { chat } = usePage();
  const { id, problem } = answer;
  const live = isLive(answer);
  const titleId = `compare-${id}`;
  return (
    <section class="compare-column" aria-labelledby={titleId}>
      <div class="spread compare-column-head">
        <div>
          <h3 id={titleId}>{name}</h3>
          <p class="small muted numbers">{figureWords(answer).join(" · ")}</p>
        </div>
        <Button
          label={live ? "Stop" : "Keep this one"}
          aria-describedby={titleId}
          onClick={() => (live ? chat.stop() : onKeep(answer))}
        />
      </div>
      <div class="compare-text stack tight" tabIndex={0} role="group" aria-labelledby={titleId}>
        <AnswerBody answer={answer} isLast={false} />
        {problem !== undefined && <ProblemNotice problem={problem} />}
      </div>
    </section>
  );
}
