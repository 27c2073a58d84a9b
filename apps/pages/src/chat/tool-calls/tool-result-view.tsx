// Owns how results of tool calls, which the visitor typed in, are shown and edited.
import type { VNode } from "preact";
import { BranchSwitch } from "../transcript/branch-switch.tsx";
import { DeleteButton } from "../transcript/delete-button.tsx";
import type { UserMessage } from "../conversation/conversation.ts";
import { EditButton, useEditing } from "../transcript/message-editor.tsx";
import { usePage } from "../page.ts";
import { ResultForm } from "./tool-call-cards.tsx";
import type { ToolResult } from "./tool-calls.ts";
import { ToolText } from "./tool-text.tsx";

export interface ToolResultViewProps {
  readonly message: UserMessage;
  readonly results: readonly ToolResult[];
  /** Ids of all messages that follow the same answer, itself included. */
  readonly siblings: readonly string[];
}

export function ToolResultView({ message, results, siblings }: ToolResultViewProps): VNode {
  const { id, parent } = message;
  const { chat } = usePage();
  const editing = useEditing(id);
  const branches = <BranchSwitch siblings={siblings} shown={id} kind="message" />;
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
          {results.map(({ callId, name, text }) => (
            <ToolText
              key={callId}
              about={{ "data-result": name }}
              icon="check"
              text={text}
              label={`Result of ${name}`}
              copyLabel="Copy result"
            >
              <span class="anywhere">{`Result of ${name}`}</span>
            </ToolText>
          ))}
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
