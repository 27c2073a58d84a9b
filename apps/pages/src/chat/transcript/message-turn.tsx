// Owns how a visitor's message is shown, and how it is edited and sent again.
import type { VNode } from "preact";
import { CopyButton } from "../../parts/copy-button.tsx";
import { useSignal } from "@preact/signals";
import { picturesIn, type Attachment } from "../attachments/attachment.ts";
import { AttachedFiles } from "../attachments/attached-files.tsx";
import { removeEdits, storeEdits, storedEdits } from "../composer/unsent-edits.ts";
import { SentPictures } from "../pictures/sent-pictures.tsx";
import { BranchSwitch } from "./branch-switch.tsx";
import { DeleteButton } from "./delete-button.tsx";
import type { Chat } from "../chat.ts";
import type { UserTurn } from "../conversation/conversation.ts";
import { ToolResultTurn } from "../tool-calls/tool-result-turn.tsx";
import { EditButton, TurnEditor, useEditing } from "./turn-editor.tsx";

export interface MessageTurnProps {
  readonly turn: UserTurn;
  /** Ids of all messages that follow the same turn, itself included. */
  readonly siblings: readonly string[];
  readonly chat: Pick<Chat, "resend" | "giveResults" | "choose">;
}

export function MessageTurn({ turn, siblings, chat }: MessageTurnProps): VNode {
  return turn.results === undefined ? (
    <WrittenTurn turn={turn} siblings={siblings} chat={chat} />
  ) : (
    <ToolResultTurn turn={turn} results={turn.results} siblings={siblings} chat={chat} />
  );
}

function WrittenTurn({ turn, siblings, chat }: MessageTurnProps): VNode {
  const editing = useEditing(turn.id);
  const branches = <BranchSwitch siblings={siblings} shown={turn.id} kind="message" onChoose={chat.choose} />;
  const removal = useRemoval(turn);
  if (editing.open.value) {
    return (
      <li class="turn message" data-turn={turn.id}>
        <Attachments attachments={removal.left} onRemove={removal.remove} />
        <TurnEditor
          turnId={turn.id}
          text={turn.text}
          label="Edit the message"
          action="Send again"
          enterSaves
          optional={removal.left.length > 0}
          onSave={(text) => {
            editing.open.value = false;
            chat.resend(turn.id, text, removal.left);
            removal.reset();
          }}
          onCancel={() => {
            editing.open.value = false;
            removal.reset();
          }}
        >
          {branches}
        </TurnEditor>
      </li>
    );
  }
  return (
    <li class="turn message" data-turn={turn.id}>
      <h3 class="visually-hidden">You</h3>
      <Attachments attachments={turn.attachments ?? []} />
      {turn.text.trim() !== "" && <p class="bubble">{turn.text}</p>}
      <div class="row turn-tools">
        {branches}
        <EditButton editing={editing} label="Edit and send again" />
        <CopyButton text={turn.text} label="Copy message" />
        <DeleteButton turnId={turn.id} label="Delete message" />
      </div>
    </li>
  );
}

interface AttachmentsProps {
  readonly attachments: readonly Attachment[];
  readonly onRemove?: (id: string) => void;
}

function Attachments({ attachments, onRemove }: AttachmentsProps): VNode {
  const pictures = picturesIn(attachments);
  const files = attachments.filter(({ picture }) => picture === undefined);
  const removing = onRemove === undefined ? {} : { onRemove };
  return (
    <>
      {pictures.length > 0 && <SentPictures pictures={pictures} {...removing} />}
      {files.length > 0 && <AttachedFiles attachments={files} {...removing} />}
    </>
  );
}

interface Removal {
  /** The attachments that are not removed. */
  readonly left: readonly Attachment[];
  remove(id: string): void;
  /** Restores all attachments. */
  reset(): void;
}

/** The attachments that a visitor removes while editing a message. Like the edited text, they survive switching and reload. */
function useRemoval({ id: turnId, attachments = [] }: UserTurn): Removal {
  const keptFor = `files.${turnId}` as const;
  const removed = useSignal<readonly string[]>(Object.keys(storedEdits(keptFor) ?? {}));
  return {
    left: attachments.filter(({ id }) => !removed.value.includes(id)),
    remove(id) {
      removed.value = [...removed.peek(), id];
      storeEdits(keptFor, Object.fromEntries(removed.value.map((other) => [other, ""])));
    },
    reset() {
      removed.value = [];
      removeEdits(keptFor);
    },
  };
}
