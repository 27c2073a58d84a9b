// Owns the messages of a conversation. Keeps the newest message in view, unless the visitor has scrolled away.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { IconButton } from "../../parts/icons.tsx";
import { AnswerView, showsFigures } from "./answer-view.tsx";
import { shownLiveAnswer, shownMessages, type Conversation, type Message } from "../conversation/conversation.ts";
import { ToolResultView } from "../tool-calls/tool-result-view.tsx";
import { UserMessageView } from "./user-message-view.tsx";
import { siblingIds } from "../conversation/message-tree.ts";

/** Within this distance, the visitor counts as being at the end. */
const nearEndPx = 48;

export function Transcript({ conversation }: { readonly conversation: Conversation }): VNode {
  const scroller = useRef<HTMLDivElement>(null);
  const atEnd = useSignal(true);
  const messages = shownMessages(conversation);
  const siblings = siblingIds(conversation.turns);
  /** The messages of all branches when the transcript was last drawn. */
  const known = useRef<ReadonlyMap<string, readonly string[]>>(new Map());
  const shownLast = useRef<string | undefined>(undefined);
  const lastId = messages.at(-1)?.id;

  function scrollToEnd(): void {
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  }

  useLayoutEffect(() => {
    const isOther = lastId !== shownLast.current;
    const goesToBranch = isOther && known.current.has(lastId ?? "");
    known.current = siblings;
    shownLast.current = lastId;
    // Choosing another branch keeps the scroll position at the branching message.
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
    // Turning a phone or opening its keyboard must not hide the newest message.
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
          {messages.map((message, i) => (
            <TranscriptItem
              key={message.id}
              message={message}
              siblings={siblings.get(message.id)?.join(" ") ?? message.id}
              asked={messages[i - 1]?.role === "user"}
              isLast={message.id === lastId}
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

interface TranscriptItemProps {
  readonly message: Message;
  /** Ids in one text, separated by blanks, so that `useMemo` sees equal lists as equal. */
  readonly siblings: string;
  readonly asked: boolean;
  readonly isLast: boolean;
}

/** Draws a message again only when it has changed, so that a streaming answer does not redraw a long conversation. */
function TranscriptItem({ message, siblings, asked, isLast }: TranscriptItemProps): VNode {
  return useMemo(() => {
    const ids = siblings.split(" ");
    if (message.role === "assistant") return <AnswerView {...{ answer: message, asked, isLast }} siblings={ids} />;
    const { results } = message;
    return results === undefined ? (
      <UserMessageView message={message} siblings={ids} />
    ) : (
      <ToolResultView {...{ message, results }} siblings={ids} />
    );
  }, [message, siblings, asked, isLast]);
}
