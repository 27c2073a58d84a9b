// Owns how a visitor's message is shown, and how it is edited and sent again.
import type { VNode } from "preact";
import { CopyButton } from "../../parts/copy-button.tsx";
import { AttachedFiles } from "../attachments/attached-files.tsx";
import { BranchSwitch } from "./branch-switch.tsx";
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
  if (editing.open.value) {
    return (
      <li class="turn message" data-turn={turn.id}>
        {turn.attachments !== undefined && <AttachedFiles attachments={turn.attachments} />}
        <TurnEditor
          turnId={turn.id}
          text={turn.text}
          label="Edit the message"
          action="Send again"
          enterSaves
          optional={turn.attachments !== undefined}
          onSave={(text) => {
            editing.open.value = false;
            chat.resend(turn.id, text);
          }}
          onCancel={() => (editing.open.value = false)}
        >
          {branches}
        </TurnEditor>
      </li>
    );
  }
  return (
    <li class="turn message" data-turn={turn.id}>
      <h3 class="visually-hidden">You</h3>
      {turn.attachments !== undefined && <AttachedFiles attachments={turn.attachments} />}
      {turn.text.trim() !== "" && <p class="bubble">{turn.text}</p>}
      <div class="turn-tools">
        {branches}
        <EditButton editing={editing} label="Edit and send again" />
        <CopyButton text={turn.text} label="Copy message" />
      </div>
    </li>
  );
}
