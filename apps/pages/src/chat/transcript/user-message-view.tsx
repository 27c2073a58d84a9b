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
import type { UserMessage } from "../conversation/conversation.ts";
import { usePage } from "../page.ts";
import { EditButton, MessageEditor, useEditing } from "./message-editor.tsx";

export interface UserMessageViewProps {
  readonly message: UserMessage;
  /** Ids of all messages that follow the same message, itself included. */
  readonly siblings: readonly string[];
}

export function UserMessageView({ message, siblings }: UserMessageViewProps): VNode {
  const { chat } = usePage();
  const editing = useEditing(message.id);
  const branches = <BranchSwitch siblings={siblings} shown={message.id} kind="message" />;
  const removal = useRemoval(message);
  if (editing.open.value) {
    return (
      <li class="turn message" data-turn={message.id}>
        <Attachments attachments={removal.left} onRemove={removal.remove} />
        <MessageEditor
          editing={editing}
          text={message.text}
          label="Edit the message"
          action="Send again"
          enterSaves
          optional={removal.left.length > 0}
          onSave={(text) => {
            chat.resend(message.id, text, removal.left);
            removal.reset();
          }}
          onCancel={removal.reset}
        >
          {branches}
        </MessageEditor>
      </li>
    );
  }
  return (
    <li class="turn message" data-turn={message.id} tabIndex={-1}>
      <h2 class="visually-hidden">You</h2>
      <Attachments attachments={message.attachments ?? []} />
      {message.text.trim() !== "" && <p class="bubble">{message.text}</p>}
      <div class="row turn-tools">
        {branches}
        <span class="row turn-icons">
          <EditButton editing={editing} label="Edit and send again" />
          <CopyButton text={message.text} label="Copy message" />
          <DeleteButton messageId={message.id} label="Delete message" />
        </span>
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
  return (
    <>
      {pictures.length > 0 && <SentPictures pictures={pictures} onRemove={onRemove} />}
      {files.length > 0 && <AttachedFiles attachments={files} onRemove={onRemove} />}
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
function useRemoval({ id: messageId, attachments = [] }: UserMessage): Removal {
  const keptFor = `files.${messageId}` as const;
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
