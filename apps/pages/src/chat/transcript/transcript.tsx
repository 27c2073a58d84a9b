// Owns the turns of a conversation. Keeps the newest turn in view, unless the visitor has scrolled away.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { IconButton } from "../../parts/icons.tsx";
import { AnswerTurn, showsFigures } from "./answer-turn.tsx";
import type { Chat } from "../chat.ts";
import { shownLiveAnswer, shownTurns, type Conversation, type Turn } from "../conversation/conversation.ts";
import { MessageTurn } from "./message-turn.tsx";
import type { ModelChoice } from "../model/model-choice.ts";
import { siblingIds } from "../conversation/turn-tree.ts";

/** Within this distance, the visitor counts as being at the end. */
const nearEndPx = 48;

export interface TranscriptProps {
  readonly conversation: Conversation;
  readonly chat: Chat;
  readonly choice: ModelChoice;
}

export function Transcript({ conversation, chat, choice }: TranscriptProps): VNode {
  const scroller = useRef<HTMLDivElement>(null);
  const atEnd = useSignal(true);
  const turns = shownTurns(conversation);
  const siblings = siblingIds(conversation.turns);
  /** The turns of all branches when the transcript was last drawn. */
  const known = useRef<ReadonlyMap<string, readonly string[]>>(new Map());
  const shownLast = useRef<string | undefined>(undefined);
  const lastId = turns.at(-1)?.id;

  function scrollToEnd(): void {
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  }

  useLayoutEffect(() => {
    const isOther = lastId !== shownLast.current;
    const goesToBranch = isOther && known.current.has(lastId ?? "");
    known.current = siblings;
    shownLast.current = lastId;
    // Choosing another branch keeps the scroll position at the branching turn.
    if (goesToBranch) atEnd.value = isNearEnd(scroller.current);
    else if (isOther || atEnd.peek()) {
      atEnd.value = true;
      scrollToEnd();
    }
  }, [conversation]);
  useEffect(() => {
    // On a phone, the numbers are on a separate line.
    if (atEnd.peek()) scrollToEnd();
  }, [showsFigures.on.value]);
  useLayoutEffect(() => {
    if (scroller.current === null) return;
    // Turning a phone or opening its keyboard must not hide the newest turn.
    const observer = new ResizeObserver(() => {
      if (atEnd.peek()) scrollToEnd();
    });
    observer.observe(scroller.current);
    return () => observer.disconnect();
  }, [atEnd]);

  return (
    <>
      <div
        class="transcript"
        ref={scroller}
        role="log"
        aria-label="Conversation"
        aria-busy={shownLiveAnswer(conversation) !== undefined}
        tabIndex={0}
        onScroll={({ currentTarget }) => (atEnd.value = isNearEnd(currentTarget))}
      >
        <ol class="turns">
          {turns.map((turn, i) => (
            <TurnItem
              key={turn.id}
              turn={turn}
              siblings={siblings.get(turn.id)?.join(" ") ?? turn.id}
              asked={turns[i - 1]?.role === "user"}
              isLast={turn.id === lastId}
              chat={chat}
              choice={choice}
            />
          ))}
        </ol>
      </div>
      {!atEnd.value && (
        <div class="to-end">
          <IconButton icon="down" label="To the newest" kind="" onClick={scrollToEnd} />
        </div>
      )}
    </>
  );
}

function isNearEnd(scroller: HTMLElement | null): boolean {
  return scroller === null || scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < nearEndPx;
}

interface TurnProps {
  readonly turn: Turn;
  /** Ids in one text, separated by blanks, so that `useMemo` sees equal lists as equal. */
  readonly siblings: string;
  readonly asked: boolean;
  readonly isLast: boolean;
  readonly chat: Chat;
  readonly choice: ModelChoice;
}

/** Draws a turn again only when it has changed, so that a streaming answer does not redraw a long conversation. */
function TurnItem({ turn, siblings, asked, isLast, chat, choice }: TurnProps): VNode {
  return useMemo(() => {
    const ids = siblings.split(" ");
    return turn.role === "user" ? (
      <MessageTurn turn={turn} siblings={ids} chat={chat} />
    ) : (
      <AnswerTurn answer={turn} siblings={ids} asked={asked} isLast={isLast} choice={choice} chat={chat} />
    );
  }, [turn, siblings, asked, isLast, chat, choice]);
}
