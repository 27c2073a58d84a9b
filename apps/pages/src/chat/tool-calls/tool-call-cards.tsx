// Owns the cards of an answer's tool calls: name, arguments, and a field for the result while the answer waits for the result.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { Button } from "../../parts/icons.tsx";
import { removeEdits, storeEdits, storedEdits, type EditTarget } from "../composer/unsent-edits.ts";
import { isLive, wantsResults, type Answer } from "../conversation/answer.ts";
import { usePage } from "../page.ts";
import { prettyArguments, withEscapes, type ToolCall, type ToolResult } from "./tool-calls.ts";
import { ToolText } from "./tool-text.tsx";

interface ToolCallsProps {
  readonly answer: Answer;
  /** Whether no message follows the answer. */
  readonly isLast: boolean;
}

/** The calls of an answer, and a form for their results while the answer waits for them. */
export function ToolCalls({ answer, isLast }: ToolCallsProps): VNode | null {
  const { chat } = usePage();
  const { id, calls } = answer;
  if (calls === undefined) return null;
  const writing = isLive(answer) ? calls.at(-1) : undefined;
  return (
    <div class="stack tight">
      {calls.map((call) => (
        <ToolCallCard key={call.id} call={call} writing={call === writing} />
      ))}
      {isLast && wantsResults(answer) && (
        <ResultForm
          calls={calls}
          keptFor={`results.${id}`}
          action="Send"
          onSave={(results) => chat.giveResults(id, results)}
        />
      )}
    </div>
  );
}

/** A tool in words: of an MCP server, or as the model names it. */
export function ToolName({ call: { name, server, tool } }: { readonly call: ToolCall }): VNode {
  if (server === undefined || tool === undefined) return <strong class="anywhere">{withEscapes(name)}</strong>;
  return (
    <span class="anywhere">
      <strong>{withEscapes(tool)}</strong> of the server <em>{withEscapes(server)}</em>
    </span>
  );
}

interface ToolCallCardProps {
  readonly call: ToolCall;
  /** Whether the arguments still stream. */
  readonly writing?: boolean;
}

export function ToolCallCard({ call, writing = false }: ToolCallCardProps): VNode {
  return (
    <ToolText
      about={{ "data-call": call.name }}
      icon="tool"
      text={prettyArguments(call)}
      label={`Arguments of ${call.name}`}
      copyLabel={writing ? undefined : "Copy arguments"}
    >
      <ToolName call={call} />
      {writing && <span class="live-dot pulse" />}
      {call.cut === true && <span class="badge warn">cut off</span>}
    </ToolText>
  );
}

export interface ResultFormProps {
  readonly calls: readonly Pick<ToolCall, "id" | "name">[];
  /** Initial texts of the fields. */
  readonly results?: readonly ToolResult[];
  /** Key under which the typed texts are stored until they are sent or discarded. */
  readonly keptFor: EditTarget;
  /** Start of the button's label; "result" or "results" is appended. */
  readonly action: string;
  readonly onSave: (results: readonly ToolResult[]) => void;
  readonly onCancel?: () => void;
}

/** An empty result is valid: many tools return nothing. */
export function ResultForm({ calls, results = [], keptFor, action, onSave, onCancel }: ResultFormProps): VNode {
  const texts = useSignal<Readonly<Record<string, string>>>(
    storedEdits(keptFor) ?? Object.fromEntries(results.map(({ callId, text }) => [callId, text])),
  );

  function write(id: string, text: string): void {
    texts.value = { ...texts.peek(), [id]: text };
    storeEdits(keptFor, texts.peek());
  }

  function cancel(): void {
    removeEdits(keptFor);
    onCancel?.();
  }

  return (
    <form
      class="stack tool-results"
      onSubmit={(event) => {
        event.preventDefault();
        removeEdits(keptFor);
        onSave(calls.map(({ id, name }) => ({ callId: id, name, text: texts.peek()[id] ?? "" })));
      }}
    >
      {calls.map(({ id, name }) => (
        <label class="field" key={id}>
          <span>{`Result of ${name}`}</span>
          <textarea
            class="input mono small"
            rows={3}
            spellcheck={false}
            placeholder="Result of the tool, as text or JSON"
            value={texts.value[id] ?? ""}
            onInput={(event) => write(id, event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Escape" && onCancel !== undefined) {
                event.stopPropagation();
                cancel();
              }
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
            }}
          />
        </label>
      ))}
      <div class="row end">
        {onCancel !== undefined && <Button label="Cancel" kind="quiet" onClick={cancel} />}
        <button class="button primary">{`${action} ${calls.length === 1 ? "result" : "results"}`}</button>
      </div>
    </form>
  );
}
