// Owns how results of tool calls, which the visitor typed in, are shown and edited.
import type { VNode } from "preact";
import { CopyButton } from "../../parts/copy-button.tsx";
import { Icon } from "../../parts/icons.tsx";
import { BranchSwitch } from "../transcript/branch-switch.tsx";
import { DeleteButton } from "../transcript/delete-button.tsx";
import type { Chat } from "../chat.ts";
import type { UserMessage } from "../conversation/conversation.ts";
import { EditButton, useEditing } from "../transcript/message-editor.tsx";
import { ResultForm } from "./tool-call-cards.tsx";
import type { ToolResult } from "./tool-calls.ts";
import { Verbatim } from "./verbatim.tsx";

export interface ToolResultViewProps {
  readonly message: UserMessage;
  readonly results: readonly ToolResult[];
  /** Ids of all messages that follow the same answer, itself included. */
  readonly siblings: readonly string[];
  readonly chat: Pick<Chat, "giveResults" | "choose">;
}

export function ToolResultView({ message, results, siblings, chat }: ToolResultViewProps): VNode {
  const { id, parent } = message;
  const editing = useEditing(id);
  const branches = <BranchSwitch siblings={siblings} shown={id} kind="message" onChoose={chat.choose} />;
  return (
    <li class="turn stack tight" data-turn={id} tabIndex={-1}>
      <h2 class="visually-hidden">{results.length === 1 ? "Result of the call" : "Results of the calls"}</h2>
      {editing.open.value && parent !== undefined ? (
        <>
          <ResultForm
            calls={results.map(({ callId, name }) => ({ id: callId, name }))}
            results={results}
            keptFor={`edit.${id}`}
            action="Send other"
            onSave={(others) => {
              editing.open.value = false;
              chat.giveResults(parent, others);
            }}
            onCancel={() => (editing.open.value = false)}
          />
          <div class="row turn-tools">{branches}</div>
        </>
      ) : (
        <>
          <Cards results={results} />
          <div class="row turn-tools">
            {branches}
            <span class="row turn-icons">
              <EditButton editing={editing} label="Edit the result and send again" />
              <DeleteButton messageId={id} label="Delete result" />
            </span>
          </div>
        </>
      )}
    </li>
  );
}

function Cards({ results }: { readonly results: readonly ToolResult[] }): VNode {
  return (
    <div class="stack tight">
      {results.map(({ callId, name, text }) => (
        <figure class="code tool-result" key={callId} data-result={name}>
          <figcaption class="spread">
            <span class="row tool-name">
              <Icon name="check" />
              <span class="anywhere">{`Result of ${name}`}</span>
            </span>
            <CopyButton text={text} label="Copy result" />
          </figcaption>
          <Verbatim text={text} label={`Result of ${name}`} />
        </figure>
      ))}
    </div>
  );
}
