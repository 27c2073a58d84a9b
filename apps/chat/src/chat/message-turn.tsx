// Owns how a visitor's message is shown, and how it is edited and sent again.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { CopyButton } from "../parts/copy-button.tsx";
import { Icon } from "../parts/icons.tsx";
import { AttachedFiles } from "./attachments/attached-files.tsx";
import { BranchSwitch } from "./branch-switch.tsx";
import type { UserTurn } from "./conversation.ts";
import { TurnEditor } from "./turn-editor.tsx";

export interface MessageTurnProps {
  readonly turn: UserTurn;
  /** Ids of what was said in its place, itself included. */
  readonly siblings: readonly string[];
  readonly onResend: (turnId: string, text: string) => void;
  readonly onChoose: (turnId: string) => void;
}

export function MessageTurn({ turn, siblings, onResend, onChoose }: MessageTurnProps): VNode {
  const editing = useSignal(false);
  if (editing.value) {
    return (
      <li class="turn message" data-turn={turn.id}>
        {turn.attachments !== undefined && <AttachedFiles attachments={turn.attachments} />}
        <TurnEditor
          text={turn.text}
          label="Edit the message"
          action="Send again"
          enterSaves
          optional={turn.attachments !== undefined}
          onSave={(text) => {
            editing.value = false;
            onResend(turn.id, text);
          }}
          onCancel={() => (editing.value = false)}
        />
      </li>
    );
  }
  return (
    <li class="turn message" data-turn={turn.id}>
      <h3 class="visually-hidden">You</h3>
      {turn.attachments !== undefined && <AttachedFiles attachments={turn.attachments} />}
      {turn.text.trim() !== "" && <p class="bubble">{turn.text}</p>}
      <div class="turn-tools">
        <BranchSwitch siblings={siblings} shown={turn.id} kind="message" onChoose={onChoose} />
        <button
          type="button"
          class="button icon tiny quiet"
          aria-label="Edit and send again"
          title="Edit and send again"
          onClick={() => (editing.value = true)}
        >
          <Icon name="edit" />
        </button>
        <CopyButton text={turn.text} label="Copy message" />
      </div>
    </li>
  );
}
